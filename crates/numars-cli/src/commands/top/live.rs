//! The terminal: draws frames, reads keys, and leaves it as it was.

use super::TopArguments;
use super::sample::{Sampler, TopReport};
use super::state::App;
use super::view::View;
use crate::commands::ps::Filter;
use crate::failure::{Context, Failure, Result, Status};
use crate::screen::Screen;
use numars::Topology;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender, TryRecvError};
use std::time::Duration;

/// How long keys are waited for before the next look at signals and moves.
const TICK: Duration = Duration::from_millis(100);
/// How long the first report takes.
const FIRST_INTERVAL: Duration = Duration::from_millis(200);
/// How long the memory of processes is read for it.
const FIRST_BUDGET: Duration = Duration::from_secs(1);

/// The terminal while it is drawn on. Dropping it restores the terminal; so does a panic of any thread, before its message is printed.
struct Raw {
    terminal: DefaultTerminal,
}

/// Whether the terminal is as it was: leaving its other screen a second time would move the cursor over what was printed since.
static IS_RESTORED: AtomicBool = AtomicBool::new(false);

impl Raw {
    fn new() -> Result<Raw> {
        let terminal = ratatui::try_init();
        // If the second of its steps fails, the first one has been done.
        let terminal = terminal.inspect_err(|_| drop(ratatui::try_restore())).context("cannot draw on the terminal")?;
        // That of ratatui, which restores the terminal and calls the one before.
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !IS_RESTORED.swap(true, Ordering::SeqCst) {
                hook(info);
            }
        }));
        Ok(Raw { terminal })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // The terminal may be gone.
        let _ = self.terminal.show_cursor();
        if !IS_RESTORED.swap(true, Ordering::SeqCst) {
            let _ = ratatui::try_restore();
        }
        if !std::thread::panicking() {
            // Panics from now on do not concern the terminal.
            drop(std::panic::take_hook());
        }
    }
}

/// Shows processes and nodes until a key or a signal ends it.
pub fn run(arguments: &TopArguments, topology: Topology, filter: Filter, screen: &Screen) -> Result<Status> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop)).context("cannot handle signals")?;
    }
    let topology = Arc::new(topology);
    let reports = start_sampler(Arc::clone(&topology), filter, arguments.interval)?;
    let mut app = App::new(arguments.selection.sort, arguments.selection.reverse);
    let mut raw = Raw::new()?;
    let result = work(arguments, &mut app, &topology, &reports, &stop, screen, &mut raw.terminal);
    if let Some(mover) = &app.mover {
        mover.cancel();
    }
    let was_moving = app.finish_move(true);
    drop(raw);
    if was_moving.map_err(Failure::new)? {
        // Not anstream: the message has no styles. The reader may be gone.
        let _ = writeln!(std::io::stderr(), "{}", app.message);
    }
    result
}

/// The thread that makes reports: it ends when this is dropped.
struct Reports {
    reports: Receiver<Result<TopReport>>,
    refresh: Sender<()>,
}

fn start_sampler(topology: Arc<Topology>, filter: Filter, interval: Duration) -> Result<Reports> {
    let (send, reports) = mpsc::sync_channel(1);
    let (refresh, wake) = mpsc::channel();
    let work = move || {
        let mut sampler = Sampler::new(&topology);
        let (mut wait, mut budget) = (FIRST_INTERVAL.min(interval), FIRST_BUDGET.max(interval / 4));
        while !matches!(wake.recv_timeout(wait), Err(RecvTimeoutError::Disconnected)) {
            // Reading takes locks of processes: not more than a quarter of the time.
            if send.send(sampler.sample(&filter, Some(budget))).is_err() {
                return;
            }
            (wait, budget) = (interval, interval / 4);
        }
    };
    std::thread::Builder::new().name("sample".into()).spawn(work).context("cannot start a thread")?;
    Ok(Reports { reports, refresh })
}

fn work(
    arguments: &TopArguments,
    app: &mut App,
    topology: &Topology,
    reports: &Reports,
    stop: &AtomicBool,
    screen: &Screen,
    terminal: &mut DefaultTerminal,
) -> Result<Status> {
    let view = View { screen, interval: arguments.interval, live: true };
    let (mut page, mut count) = (0, 0_u64);
    loop {
        if IS_RESTORED.load(Ordering::SeqCst) {
            return Err(Failure::new("a thread has panicked"));
        }
        terminal.draw(|frame| {
            let area = frame.area();
            page = view.draw(app, area, frame.buffer_mut());
        })?;
        // Everything that has been typed before the next frame.
        let mut wait = TICK;
        while event::poll(wait)? && !app.quit {
            if let Event::Key(key) = event::read()? {
                app.press(key, page, topology);
            }
            wait = Duration::ZERO;
        }
        if stop.load(Ordering::Relaxed) {
            return Ok(Status::Interrupted);
        }
        if app.quit {
            return Ok(Status::Done);
        }
        if app.finish_move(false).map_err(Failure::new)? {
            // What has changed is shown at once. The thread may have ended, which the next lines find out.
            let _ = reports.refresh.send(());
        }
        match reports.reports.try_recv() {
            Ok(report) => {
                app.update(report?);
                count += 1;
                if arguments.count.is_some_and(|maximum| count > maximum) {
                    return Ok(Status::Done);
                }
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Err(Failure::new("the thread that reads processes has ended")),
        }
    }
}
