//! What one input may cost: time of the processor and memory. More is a finding like a panic.

use std::panic;
use std::sync::Once;
use std::time::Instant;

/// Counts what is allocated; a target's allocator.
pub use peak_alloc::PeakAlloc as Counted;

/// Memory beyond what was held before, in MiB.
const MEMORY: f32 = 96.0;

/// Milliseconds of processor time. What is fuzzed is several times slower than what is shipped, by its instruments and assertions.
const TIME: u128 = 300;

/// Interpreting and drawing pages is others' work and has no bound of 100 ms: a search and a picture have a deadline.
const TIME_OF_PAGES: u128 = 5_000;
const MEMORY_OF_PAGES: f32 = 384.0;

/// Whether a target interprets page content with others' code, whose panics the appliance catches: only what escapes is a finding.
fn of_pages(name: &str) -> bool {
    matches!(name, "locate" | "render")
}

/// Runs `target` over `bytes` and panics where it takes too much. `HUFU_FUZZ_COST=1` prints what it took.
///
/// # Panics
/// When the target does, or when a bound is passed.
pub fn within(allocator: &Counted, name: &str, target: fn(&[u8]), bytes: &[u8]) {
    if of_pages(name) {
        // libFuzzer's own hook ends the process where a panic begins, before anybody can catch it.
        static QUIET: Once = Once::new();
        QUIET.call_once(|| panic::set_hook(Box::new(|_| ())));
    }
    let (most_time, most_memory) = if of_pages(name) { (TIME_OF_PAGES, MEMORY_OF_PAGES) } else { (TIME, MEMORY) };
    let held = allocator.current_usage_as_mb();
    allocator.reset_peak_usage();
    let begun = Instant::now();
    target(bytes);
    let mut took = begun.elapsed().as_millis();
    let memory = allocator.peak_usage_as_mb() - held;
    if took > most_time {
        // A busy machine is no finding: once more, and by the processor's clock.
        let begun = processor_millis();
        target(bytes);
        took = processor_millis() - begun;
    }
    if std::env::var_os("HUFU_FUZZ_COST").is_some() {
        eprintln!("{name}: {} bytes, {took} ms, {memory:.1} MiB", bytes.len());
    }
    assert!(took <= most_time, "{took} ms for {} bytes; at most {most_time} ms", bytes.len());
    assert!(memory <= most_memory, "{memory:.1} MiB for {} bytes; at most {most_memory} MiB", bytes.len());
}

/// Processor time of this thread so far (proc(5): schedstat, nanoseconds).
fn processor_millis() -> u128 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|n| n.parse::<u128>().ok()).unwrap_or_default() / 1_000_000
}
