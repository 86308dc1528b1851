//! Moves the memory of a process in a thread.

use super::sample::ProcessKey;
use crate::commands::move_pages::plan::Method;
use crate::process::ProcessStatus;
use crate::target::{Caller, Target};
use crate::units;
use numars::{Errno, Move, MoveError, MoveStats, NodeSet, Process};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long a thread of the process may wait for one call: short enough that Esc works at once.
const MAX_PAUSE: Duration = Duration::from_millis(20);

/// A move under way.
pub struct Mover {
    /// The process.
    pub key: ProcessKey,
    /// Its name.
    pub name: String,
    /// Where its memory goes.
    pub to: NodeSet,
    /// The number of pages to look at, as it was at the start.
    pub pages: u64,
    target: Target,
    cancel: Arc<AtomicBool>,
    stats: Arc<Mutex<MoveStats>>,
    thread: JoinHandle<Result<MoveStats, MoveError>>,
}

/// How a move has ended.
pub struct Moved {
    /// The process.
    pub key: ProcessKey,
    /// The bytes that have moved.
    pub bytes: u64,
    /// What has happened, for people.
    pub message: String,
}

impl Mover {
    /// Starts to move the `pages` pages of a process to nodes, as `numars move --to` does: to the only node, or balanced over several.
    ///
    /// Fails if the process has ended, if its cpuset forbids a node, or if there is no thread for the move.
    pub fn start(key: ProcessKey, name: &str, to: NodeSet, pages: u64) -> Result<Mover, String> {
        let status = ProcessStatus::read(key.0).ok();
        let process = status.filter(|status| status.start_time == key.1 && !status.is_zombie);
        let Some(process) = process.and_then(|status| Process::from_pid(status.pid).ok()) else {
            return Err(format!("{} ({name}) has ended", key.0));
        };
        let target = Target::read(process);
        let forbidden = target.forbidden(to);
        if !forbidden.is_empty() {
            return Err(target.explain_cpuset(forbidden).message().to_owned());
        }
        let (cancel, stats) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(MoveStats::default())));
        let (is_cancelled, progress) = (Arc::clone(&cancel), Arc::clone(&stats));
        let work = move || {
            Move::new()
                .process(process)
                .max_pause(MAX_PAUSE)
                .cancel_flag(&is_cancelled)
                .on_progress(|stats| {
                    *progress.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = *stats;
                    ControlFlow::Continue(())
                })
                .place_process(&Method::for_nodes(to).placement(to))
        };
        let thread = std::thread::Builder::new().name("move".into()).spawn(work).map_err(|error| error.to_string())?;
        Ok(Mover { key, name: name.into(), to, pages, target, cancel, stats, thread })
    }

    /// Ends the move soon.
    pub fn cancel(&self) {
        self.cancel.store(true, Ordering::Relaxed);
    }

    /// Returns whether it has ended: [`finish`](Mover::finish) does not wait.
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Returns the share of pages that are done, from 0 to 1, and what is happening, for people.
    pub fn progress(&self) -> (f64, String) {
        let stats = *self.stats.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let there = stats.in_place().saturating_add(stats.absent()).saturating_add(stats.unmapped());
        let done = stats.moved().saturating_add(stats.unmoved()).saturating_add(there) as u64;
        let fraction = if self.pages == 0 { 1.0 } else { (done as f64 / self.pages as f64).min(1.0) };
        let moved = bytes(&stats);
        let seconds = stats.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { moved as f64 / seconds } else { 0.0 };
        let ending = if self.cancel.load(Ordering::Relaxed) { ", ending" } else { "" };
        let text = format!(
            "{} ({}) to {}: {}, {}{ending}",
            self.key.0,
            crate::text::printable(&self.name),
            self.to,
            units::bytes(moved),
            units::rate(rate)
        );
        (fraction, text)
    }

    /// Waits for the end.
    ///
    /// Fails if the thread has panicked.
    pub fn finish(self) -> Result<Moved, String> {
        let result = self.thread.join().map_err(|_| "the thread that moves pages has panicked".to_owned())?;
        let (stats, failure) = match result {
            Ok(stats) => (stats, None),
            Err(error) => (*error.stats(), Some(error.errno())),
        };
        let (pid, name) = (self.key.0, crate::text::printable(&self.name));
        let moved = format!("{} of {pid} ({name}) moved to {}", units::bytes(bytes(&stats)), self.to);
        let mut message = match failure {
            None => moved,
            Some(Errno::ECANCELED) => format!("cancelled: {moved}"),
            Some(errno) => {
                let why = self.target.explain(errno, &Caller::read(), "move");
                if stats.moved() == 0 { why.message().to_owned() } else { format!("{moved}, then: {}", why.message()) }
            }
        };
        let stayed = [
            (stats.shared(), "shared with other processes"),
            (stats.busy(), "busy"),
            (stats.no_memory(), "no memory there"),
            (stats.failed(), "failed"),
        ];
        let stayed: Vec<String> =
            stayed.iter().filter(|(pages, _)| *pages > 0).map(|(pages, why)| format!("{pages} {why}")).collect();
        if !stayed.is_empty() {
            message += &format!("; pages that stayed: {}", stayed.join(", "));
        }
        Ok(Moved { key: self.key, bytes: bytes(&stats), message })
    }
}

fn bytes(stats: &MoveStats) -> u64 {
    (stats.moved() as u64).saturating_mul(numars::page_size() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_that_has_ended_is_not_moved_nor_the_next_with_its_pid() {
        let own = ProcessStatus::read(std::process::id() as i32).unwrap();
        let node: NodeSet = "0".parse().unwrap();
        let start = |key| Mover::start(key, "a\nb", node, 0);
        assert!(start((own.pid, own.start_time + 1)).is_err_and(|message| message.contains("has ended")));
        assert!(start((i32::MAX, 1)).is_err());
    }

    #[test]
    fn the_end_of_a_move_is_told_in_one_line() {
        let own = ProcessStatus::read(std::process::id() as i32).unwrap();
        let node: NodeSet = "0".parse().unwrap();
        let mover = Mover::start((own.pid, own.start_time), "a\nb", node, 10).unwrap();
        mover.cancel();
        assert!(mover.progress().1.contains("ending"));
        let moved = mover.finish().unwrap();
        assert!(moved.message.contains("(a?b)") && moved.bytes == 0, "{}", moved.message);
    }
}
