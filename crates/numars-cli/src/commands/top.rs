//! `numars top`: processes and nodes, live.

mod counters;
mod live;
mod mover;
mod sample;
mod state;
mod view;

use crate::commands::ps::Selection;
use crate::failure::{Failure, Result, Status};
use crate::json;
use crate::machine::read_topology;
use crate::screen::Screen;
use crate::units;
use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use sample::Sampler;
pub use sample::TopReport;
use state::App;
use std::io::Write;
use std::time::Duration;
use view::View;

/// The arguments of `numars top`.
#[derive(Args, Debug)]
pub struct TopArguments {
    /// The time between reports, such as 500ms or 5s
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = units::parse_interval)]
    interval: Duration,
    /// End after this number of reports
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// Print one frame as text, after one interval
    #[arg(short = '1', long, conflicts_with = "count")]
    once: bool,
    /// What to select and how to sort it.
    #[command(flatten)]
    selection: Selection,
}

/// Shows processes and nodes.
pub fn run(arguments: &TopArguments, screen: &Screen) -> Result<Status> {
    let topology = read_topology(None)?;
    let filter = arguments.selection.filter(&topology)?;
    if !screen.json && !arguments.once {
        if !screen.is_terminal || std::env::var("TERM").is_ok_and(|terminal| terminal == "dumb") {
            return Err(Failure::usage("the output is no terminal that can be drawn on")
                .hint("--once prints one frame, --json a report in each interval"));
        }
        return live::run(arguments, topology, filter, screen);
    }
    let mut sampler = Sampler::new(&topology);
    let count = if arguments.once { 1 } else { arguments.count.unwrap_or(u64::MAX) };
    for _ in 0..count {
        std::thread::sleep(arguments.interval);
        let mut report = sampler.sample(&filter, None)?;
        arguments.selection.sort.sort(&mut report.processes, arguments.selection.reverse);
        if screen.json {
            json::print_line(&report)?;
        } else if !screen.quiet {
            print_frame(report, arguments, screen)?;
        }
    }
    Ok(Status::Done)
}

fn print_frame(report: TopReport, arguments: &TopArguments, screen: &Screen) -> Result<()> {
    let lines = std::env::var("LINES").ok().and_then(|lines| lines.parse().ok());
    let terminal = terminal_size::terminal_size_of(std::io::stdout()).map(|(_, height)| height.0);
    let height = lines.or(terminal).unwrap_or(24).max(10);
    // A buffer has at most 65,535 cells in ratatui's older releases.
    let area = Rect::new(0, 0, u16::try_from(screen.width).unwrap_or(u16::MAX).min(500), height.min(100));
    let mut app = App::new(arguments.selection.sort, arguments.selection.reverse);
    app.update(report);
    let mut buffer = Buffer::empty(area);
    View { screen, interval: arguments.interval, live: false }.draw(&mut app, area, &mut buffer);
    write!(std::io::stdout().lock(), "{}", view::text(&buffer))?;
    Ok(())
}
