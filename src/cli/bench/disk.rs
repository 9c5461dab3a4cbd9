//! The bare program: the same writes and syncs as a signature, and nothing else.
//!
//! Per document: a record appended to a log and synced (intent), the output file written beside its target, synced,
//! renamed, its folder synced, and a second record appended and synced (outcome). Syncs are shared by whoever waits, as
//! in the appliance.

use super::BenchError;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

/// Octets of one log record; what the appliance writes for a signature is about this long.
const RECORD: usize = 768;

/// Requests that one sync serves, at most.
const BATCH: usize = 256;

type Waiting = (Vec<u8>, SyncSender<()>);

/// Documents a second with `writers` writers and files of `size` octets under `dir`.
pub(super) fn rate(dir: &Path, writers: usize, size: usize, length: Duration) -> Result<f64, BenchError> {
    fs::create_dir_all(dir).map_err(BenchError::Io)?;
    let log = File::create(dir.join("log")).map_err(BenchError::Io)?;
    let folder = File::open(dir).map_err(BenchError::Io)?;
    let (to_log, log_queue) = sync_channel::<Waiting>(writers * 2);
    let (to_folder, folder_queue) = sync_channel::<Waiting>(writers * 2);
    let began = Instant::now();
    let end = began + length;
    let done = std::thread::scope(|scope| -> std::io::Result<u64> {
        scope.spawn(move || serve(&log_queue, |batch| append(&log, batch)));
        scope.spawn(move || serve(&folder_queue, |_| folder.sync_all()));
        let writers: Vec<_> = (0..writers)
            .map(|writer| {
                let (to_log, to_folder) = (to_log.clone(), to_folder.clone());
                scope.spawn(move || -> std::io::Result<u64> {
                    let content = vec![0x20; size];
                    let mut done = 0;
                    while Instant::now() < end {
                        wait(&to_log, vec![b'i'; RECORD]);
                        // In the place of an earlier one, as the load's documents are.
                        let target = dir.join(format!("bare-{writer}-{}.pdf", done % super::NAMES));
                        let waiting = dir.join(format!("bare-{writer}.tmp"));
                        let mut file = File::create(&waiting)?;
                        file.write_all(&content)?;
                        file.sync_data()?;
                        fs::rename(&waiting, &target)?;
                        wait(&to_folder, Vec::new());
                        wait(&to_log, vec![b'o'; RECORD]);
                        done += 1;
                    }
                    Ok(done)
                })
            })
            .collect();
        drop((to_log, to_folder));
        let mut done = 0;
        for writer in writers {
            done += writer.join().map_err(|_| std::io::Error::other("a writer failed"))??;
        }
        Ok(done)
    })
    .map_err(BenchError::Io)?;
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

/// Records a second that `writers` writers append and sync in groups, and nothing else.
pub(super) fn group_commits(dir: &Path, writers: usize, length: Duration) -> Result<f64, BenchError> {
    fs::create_dir_all(dir).map_err(BenchError::Io)?;
    let log = File::create(dir.join("log")).map_err(BenchError::Io)?;
    let (to_log, log_queue) = sync_channel::<Waiting>(writers * 2);
    let began = Instant::now();
    let end = began + length;
    let done: u64 = std::thread::scope(|scope| {
        scope.spawn(move || serve(&log_queue, |batch| append(&log, batch)));
        let writers: Vec<_> = (0..writers)
            .map(|_| {
                let to_log = to_log.clone();
                scope.spawn(move || {
                    let mut done = 0_u64;
                    while Instant::now() < end {
                        wait(&to_log, vec![b'r'; RECORD]);
                        done += 1;
                    }
                    done
                })
            })
            .collect();
        drop(to_log);
        writers.into_iter().map(|w| w.join().unwrap_or_default()).sum()
    });
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

fn wait(queue: &SyncSender<Waiting>, record: Vec<u8>) {
    let (done, waiting) = sync_channel(1);
    if queue.send((record, done)).is_ok() {
        // The server answers or is gone; either way there is nothing more to wait for.
        let _ = waiting.recv();
    }
}

fn serve(queue: &Receiver<Waiting>, mut sync: impl FnMut(&[Waiting]) -> std::io::Result<()>) {
    while let Ok(first) = queue.recv() {
        let mut batch = vec![first];
        batch.extend(queue.try_iter().take(BATCH));
        if sync(&batch).is_err() {
            return;
        }
        for (_, done) in batch {
            let _ = done.send(());
        }
    }
}

fn append(mut log: &File, batch: &[Waiting]) -> std::io::Result<()> {
    let whole: Vec<u8> = batch.iter().flat_map(|(record, _)| record.iter().copied()).collect();
    log.write_all(&whole)?;
    log.sync_data()
}
