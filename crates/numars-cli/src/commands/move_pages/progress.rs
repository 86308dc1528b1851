//! How far a move is: a bar on a terminal, lines elsewhere, both on standard error.

use crate::failure::print_error;
use crate::node_pages::bytes;
use crate::screen::Screen;
use crate::text::printable;
use crate::units;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// The time between two lines where standard error is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// The progress of the move of a process.
pub struct Progress {
    title: String,
    total: u64,
    started: Instant,
    display: Display,
}

enum Display {
    Bar(ProgressBar),
    /// With the time at which the next line is printed.
    Lines(Instant),
    Nothing,
}

impl Progress {
    /// Returns the progress of the move of `total` pages.
    pub fn new(title: String, total: u64, screen: &Screen) -> Progress {
        let title = printable(&title);
        let started = Instant::now();
        let display = if screen.quiet {
            Display::Nothing
        } else if std::io::stderr().is_terminal() {
            // 10 times a second.
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr_with_hz(10));
            let style = ProgressStyle::with_template("{prefix} {wide_bar} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars(screen.or_ascii("█▉▊▋▌▍▎▏░", "##."));
            bar.set_style(style);
            bar.set_prefix(short(&title));
            Display::Bar(bar)
        } else {
            Display::Lines(started + LINE_INTERVAL)
        };
        let mut progress = Progress { title, total, started, display };
        progress.update(0, 0);
        progress
    }

    /// Shows that `done` pages have an outcome, of which `moved` have moved.
    pub fn update(&mut self, done: u64, moved: u64) {
        let text = || text(done, moved, self.total, self.started.elapsed());
        match &mut self.display {
            Display::Bar(bar) => {
                bar.set_message(text());
                bar.set_position(done.min(self.total));
            }
            Display::Lines(next) => {
                let now = Instant::now();
                if now >= *next {
                    *next = now + LINE_INTERVAL;
                    print_error(format_args!("{}: {}", self.title, text()));
                }
            }
            Display::Nothing => {}
        }
    }

    /// Removes the bar.
    pub fn finish(&mut self) {
        if let Display::Bar(bar) = &self.display {
            bar.finish_and_clear();
        }
    }
}

/// Returns the beginning of a title: the bar needs the place.
fn short(title: &str) -> String {
    title.chars().take(28).collect()
}

/// Returns how far a move is, how fast it was, and when it ends if it goes on like this.
fn text(done: u64, moved: u64, total: u64, elapsed: Duration) -> String {
    let percent = if total == 0 { 100 } else { (u128::from(done.min(total)) * 100 / u128::from(total)) as u64 };
    let mut text = format!("{percent:>3}% of {}", units::bytes(bytes(total)));
    let seconds = elapsed.as_secs_f64();
    if seconds < 0.2 || done == 0 {
        return text;
    }
    text += &format!(", {}", units::rate(bytes(moved) as f64 / seconds));
    if done < total {
        let remaining = seconds * (total - done) as f64 / done as f64;
        let remaining = Duration::try_from_secs_f64(remaining.ceil()).unwrap_or(Duration::MAX);
        text += &format!(", {} left", units::duration(remaining));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_and_the_time_left_are_shown_as_soon_as_they_are_known() {
        let page = bytes(1);
        let total = (100 << 20) / page;
        assert_eq!(text(0, 0, total, Duration::ZERO), "  0% of 100 MiB");
        assert_eq!(text(total / 4, total / 4, total, Duration::from_secs(5)), " 25% of 100 MiB, 5.00 MiB/s, 15 s left");
        assert_eq!(text(total, total / 2, total, Duration::from_secs(10)), "100% of 100 MiB, 5.00 MiB/s");
        assert_eq!(text(7, 0, 5, Duration::ZERO), format!("100% of {}", units::bytes(bytes(5))));
        assert_eq!(text(0, 0, 0, Duration::ZERO), "100% of 0 B");
        assert!(text(1, 1, u64::MAX, Duration::from_secs(1 << 50)).ends_with("left"));
    }

    #[test]
    fn titles_are_cut_between_characters() {
        assert_eq!(short(&"ä".repeat(100)).chars().count(), 28);
    }
}
