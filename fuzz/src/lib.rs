//! What the fuzz targets do: [`targets`] holds the functions, [`bounds`] what each input may cost.
//!
//! The functions know nothing of libFuzzer: the appliance's own tests run them too, over the committed seeds and simple mutations of
//! them, with the ordinary compiler (`tests/integration/fuzzed.rs`).

pub mod bounds;
pub mod targets;

/// The `main` of a target of this name.
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[global_allocator]
        static COUNTED: $crate::bounds::Counted = $crate::bounds::Counted;

        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
            $crate::bounds::within(&COUNTED, stringify!($name), $crate::targets::$name, bytes);
        });
    };
}
