//! Tests of the limits of a move, on the kernel of `model` and its clock.

use super::meter::{Limits, Meter};
use super::model::*;
use super::mover::Mover;
use super::ops::MovePagesOps;
use super::tests::machine_with;
use super::*;
use crate::sys::errno;
use core::cell::Cell;
use core::sync::atomic::{AtomicBool, AtomicI32, Ordering::Relaxed};
use core::time::Duration;

/// A machine of base pages on node 0, whose calls take the given times.
fn machine_with_clock(pages: usize, ns_per_call: u64, ns_per_page: u64) -> Machine {
    let mut machine = machine_with(&vec![0; pages]);
    machine.free_pages = [usize::MAX / 2; NODES as usize];
    machine.clock = FakeClock { ns_per_call, ns_per_page, ns_per_query: 100, ..FakeClock::default() };
    machine
}

const MS: u64 = 1_000_000;

#[test]
fn calls_become_as_long_as_the_largest_pause_allows_and_not_longer() {
    for (max_pause_us, ns_per_call, ns_per_page) in
        [(1000, 0, 2_000), (1000, 50_000, 30_000), (5000, 200_000, 1_000), (1000, 0, 300_000), (100, 10_000, 500)]
    {
        let machine = machine_with_clock(20_000, ns_per_call, ns_per_page);
        let options = MoveOptions { max_pause: Some(Duration::from_micros(max_pause_us)), ..MoveOptions::default() };
        let outcome = run_range_with::<65_536>(&machine, 1, options, None);
        assert_eq!(outcome.stats.all()[..2], [20_000, 20_000]);
        let (moves, target) = (&outcome.machine.clock.moves, max_pause_us * 1000);
        let longest = moves.iter().map(|&(_, ns)| ns).max().unwrap();
        // The first call moves 16 pages, because nothing is known about the machine.
        assert_eq!(moves[0].0, 16);
        assert!(moves[1..].iter().all(|&(_, ns)| ns <= target), "{longest} ns of {target}: {moves:?}");
        // Except for the first calls and the last one of a batch, calls take more than half of the time.
        let short = moves.iter().skip(12).filter(|&&(_, ns)| ns < target / 2).count();
        assert!(short <= 20_000 / 4096 + 1, "{short} of {} calls are short: {moves:?}", moves.len());
        assert_eq!(outcome.stats.longest_call().as_nanos() as u64, longest.max(ns_per_call));
        assert_eq!(outcome.stats.elapsed().as_nanos() as u64, outcome.machine.clock.now_ns);
    }
}

#[test]
fn if_a_call_without_pages_takes_longer_than_the_largest_pause_calls_still_move_several_pages() {
    let machine = machine_with_clock(5_000, 3 * MS, 20_000);
    let options = MoveOptions { max_pause: Some(Duration::from_millis(1)), ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    let moves = &outcome.machine.clock.moves;
    assert_eq!(outcome.stats.moved(), 5_000);
    assert!(moves.iter().all(|&(_, ns)| ns <= 4 * MS), "{moves:?}");
    assert!(moves.len() < 5_000 / 10, "{} calls", moves.len());
}

#[test]
fn the_time_for_which_calls_wait_for_other_cpus_does_not_count_as_a_pause() {
    let mut machine = machine_with_clock(20_000, 20_000, 2_000);
    machine.clock.sleeps_of_calls = (0..1000).map(|call| (call * 7919 % 30) * MS).collect();
    let options = MoveOptions { max_pause: Some(Duration::from_millis(1)), ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    let moves = &outcome.machine.clock.moves;
    assert_eq!(outcome.stats.moved(), 20_000);
    assert!(moves.iter().all(|&(_, ns)| ns <= MS) && moves.len() < 100, "{moves:?}");
    assert!(outcome.stats.longest_call() >= Duration::from_millis(29));
}

#[test]
fn a_call_that_takes_long_for_another_reason_makes_the_next_ones_half_as_large() {
    let kernel = Model::<1>::new(machine_with(&[0]));
    let meter = Meter::timed(&kernel, limits(Some(Duration::from_millis(1))), false, 12);
    let call = |pages: usize, ns| meter.time_move(&kernel, || kernel.work(ns), || pages);
    (0..10).for_each(|_| call(meter.move_limit(usize::MAX), meter.move_limit(usize::MAX) as u64 * 2_000));
    let limit = meter.move_limit(usize::MAX);
    call(limit, 50 * MS);
    assert_eq!(meter.move_limit(usize::MAX), limit / 2);
    call(limit / 2, limit as u64 / 2 * 2_000);
    assert_eq!(meter.move_limit(usize::MAX), limit / 2 * 2);
    // A few pages at the end of a batch may have most of the time of a whole call.
    call(3, MS / 2);
    assert_eq!(meter.move_limit(usize::MAX), limit / 2 * 2);
}

#[test]
fn calls_become_shorter_when_the_machine_becomes_slower() {
    let clock = |ns_per_page| FakeClock { ns_per_page, ..FakeClock::default() };
    let pace = Meter::timed(&Model::<1>::new(machine_with(&[0])), limits(Some(Duration::from_millis(1))), false, 12);
    let limit_after = |ns_per_page: u64| {
        for _ in 0..40 {
            let kernel = Model::<1>::new(Machine { clock: clock(ns_per_page), ..machine_with(&[0]) });
            let pages = pace.move_limit(usize::MAX);
            pace.time_move(&kernel, || kernel.work(pages as u64 * ns_per_page), || pages);
        }
        pace.move_limit(usize::MAX)
    };
    let (fast, slow) = (limit_after(2_000), limit_after(40_000));
    assert!((300..=500).contains(&fast) && (10..=25).contains(&slow), "{fast} {slow}");
    assert!((300..=500).contains(&limit_after(2_000)));
}

fn limits(max_pause: Option<Duration>) -> Limits<'static> {
    Limits { max_pause, ..Limits::default() }
}

#[test]
fn a_huge_page_that_takes_longer_than_the_largest_pause_is_a_call_of_its_own() {
    let mut machine = machine_with_clock(8, 0, 2_000);
    (machine.has_huge_pages, machine.page_of) = (true, (0..8 * 64).map(|index| index / 64).collect());
    let options = MoveOptions { max_pause: Some(Duration::from_micros(100)), ..MoveOptions::default() };
    let outcome = run_range_with::<512>(&machine, 1, options, None);
    assert_eq!(outcome.machine.clock.moves, [(64, 128_000); 8]);
    assert_eq!(outcome.stats.moved(), 8 * 64);
}

#[test]
fn queries_are_divided_too_if_pauses_are_limited() {
    let mut machine = machine_with_clock(8_000, 0, 10);
    machine.clock.ns_per_query = 5_000;
    let options = MoveOptions { max_pause: Some(Duration::from_millis(1)), ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    let queries = &outcome.machine.clock.queries;
    assert!(queries.iter().skip(1).all(|&pages| pages <= 200) && queries.len() < 200, "{queries:?}");
    assert_eq!(outcome.stats.moved(), 8_000);
}

#[test]
fn no_more_bytes_are_moved_per_second_than_the_rate_allows() {
    // 100 MiB/s, and a machine that could move 400 MiB/s.
    let rate = 100 << 20;
    let mut machine = machine_with_clock(30_000, 0, 10_000);
    machine.clock.now_ns = 77 * MS;
    let options = MoveOptions { max_bytes_per_second: rate, ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    let clock = &outcome.machine.clock;
    assert_eq!(outcome.stats.moved(), 30_000);
    // A call moves a twentieth of what a second allows.
    let per_call = (rate / 20 / PAGE as u64) as usize;
    assert!(clock.moves.iter().all(|&(pages, _)| pages <= per_call), "{:?}", clock.moves);
    let seconds = outcome.stats.elapsed().as_secs_f64();
    let (least, most) = ((30_000 - per_call) * PAGE, 30_000 * PAGE);
    assert!(seconds >= least as f64 / rate as f64 && seconds <= 1.1 * most as f64 / rate as f64, "{seconds}");
    assert!(clock.sleeps.iter().all(|&us| us <= 10_000));
    let slept: u64 = clock.sleeps.iter().map(|&us| u64::from(us)).sum();
    assert!(slept > 800_000, "{slept}");
}

#[test]
fn time_in_which_nothing_was_moved_does_not_increase_the_rate_later() {
    let kernel = Model::<1>::new(machine_with(&[0]));
    let limits = Limits { max_bytes_per_second: PAGE as u64 * 1000, ..Limits::default() };
    let (meter, stop) = (Meter::timed(&kernel, limits, false, 12), AtomicBool::new(false));
    assert!(meter.admit(&kernel, 10, &stop, &mut || {}).unwrap());
    assert_eq!(kernel.now_ns(), 0);
    (0..100).for_each(|_| kernel.pause(100_000));
    assert!(meter.admit(&kernel, 50, &stop, &mut || {}).unwrap());
    let before = kernel.now_ns();
    assert!(meter.admit(&kernel, 50, &stop, &mut || {}).unwrap());
    assert!((49 * MS..52 * MS).contains(&(kernel.now_ns() - before)), "{}", kernel.now_ns() - before);
}

#[test]
fn a_thread_that_waits_because_of_the_rate_notices_that_the_move_has_ended() {
    let kernel = Model::<1>::new(machine_with(&[0]));
    let limits = Limits { max_bytes_per_second: PAGE as u64, ..Limits::default() };
    let (meter, stop) = (Meter::timed(&kernel, limits, false, 12), AtomicBool::new(false));
    assert_eq!(meter.admit(&kernel, 1_000, &stop, &mut || {}), Ok(true));
    stop.store(true, Relaxed);
    assert_eq!((meter.admit(&kernel, 1, &stop, &mut || {}), kernel.now_ns()), (Ok(false), 0));
}

#[test]
fn pages_that_the_kernel_rejects_do_not_make_later_calls_longer() {
    // A large shared mapping, and then private pages.
    let mut machine = machine_with_clock(12_000, 0, 2_000);
    machine.pages[..8_000].iter_mut().for_each(|page| page.shared = true);
    machine.clock.ns_per_rejected = 100;
    let options = MoveOptions { max_pause: Some(Duration::from_millis(1)), ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    assert_eq!((outcome.stats.moved(), outcome.stats.shared()), (4_000, 8_000));
    let longest = outcome.machine.clock.moves.iter().map(|&(_, ns)| ns).max().unwrap();
    assert!(longest <= MS, "{longest} ns");
}

#[test]
fn pages_that_are_submitted_again_after_a_failure_are_charged_once() {
    // Every second page is pinned.
    let mut machine = machine_with_clock(2_000, 0, 0);
    machine.pages.iter_mut().step_by(2).for_each(|page| page.pinned = 255);
    let options = MoveOptions { max_bytes_per_second: 2_000 * PAGE as u64, retries: 0, ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    assert_eq!(outcome.stats.moved(), 1_000);
    assert!(outcome.stats.elapsed() < Duration::from_millis(1_100), "{:?}", outcome.stats.elapsed());
}

#[test]
fn a_move_whose_time_is_up_ends_with_accurate_statistics() {
    let machine = machine_with_clock(20_000, 0, 10_000);
    let moved_per_node: Vec<Cell<usize>> = vec![Cell::new(7); 3];
    let timeout = Duration::from_millis(100);
    let options = MoveOptions { timeout: Some(timeout), moved_per_node: &moved_per_node, ..MoveOptions::default() };
    let outcome = run_range_with::<4_096>(&machine, 1, options, None);
    assert_eq!(outcome.error, errno::ETIMEDOUT);
    let moved = outcome.machine.pages.iter().filter(|page| page.node == 1).count();
    assert!((5_000..13_100).contains(&moved), "{moved}");
    assert_eq!((outcome.stats.moved(), outcome.stats.finished()), (moved, moved));
    // The clock went on for one call at most, which takes 40 ms at most.
    assert!(outcome.stats.elapsed() < timeout + Duration::from_millis(41));
    assert_eq!(moved_per_node, [Cell::new(7), Cell::new(7 + moved), Cell::new(7)]);
    // Without time, nothing is moved.
    let outcome = run_range_with::<4_096>(&machine, 1, MoveOptions { timeout: Some(Duration::ZERO), ..options }, None);
    assert_eq!((outcome.error, outcome.stats.requested()), (errno::ETIMEDOUT, 0));
}

#[test]
fn a_move_that_waits_because_of_its_rate_notices_that_its_time_is_up() {
    let machine = machine_with_clock(1_000, 0, 0);
    let options = MoveOptions {
        max_bytes_per_second: 10 * PAGE as u64,
        timeout: Some(Duration::from_millis(250)),
        ..MoveOptions::default()
    };
    let outcome = run_range_with::<4_096>(&machine, 1, options, None);
    assert_eq!((outcome.error, outcome.stats.moved()), (errno::ETIMEDOUT, 3));
    assert!(outcome.stats.elapsed() < Duration::from_millis(261));
}

#[test]
fn a_move_that_waits_because_of_its_rate_reports_and_can_be_cancelled_by_its_callback() {
    let machine = machine_with_clock(1_000, 0, 0);
    let options = MoveOptions { max_bytes_per_second: PAGE as u64 / 100, ..MoveOptions::default() };
    let (mut reports, mut last) = (0, Duration::ZERO);
    let mut progress = |stats: &MoveStats| {
        // At least every 100 ms, and 10 ms of sleep.
        assert!(stats.elapsed() - last <= Duration::from_millis(111), "{last:?} {stats:?}");
        (reports, last) = (reports + 1, stats.elapsed());
        stats.elapsed() < Duration::from_secs(1)
    };
    let outcome = run_range_with::<4_096>(&machine, 1, options, Some(&mut progress));
    assert_eq!((outcome.error, outcome.stats.moved()), (errno::ECANCELED, 1));
    assert!(outcome.stats.elapsed() < Duration::from_millis(1_120));
    // None after the callback has returned false, but the one at the end.
    assert!((10..=13).contains(&reports), "{reports}");
}

#[test]
fn a_move_with_a_limit_takes_pages_by_the_thousand_though_its_calls_wait_for_other_cpus() {
    let mut machine = machine_with_clock(20_000, 20_000, 2_000);
    machine.clock.sleeps_of_calls = vec![200 * MS; 1000];
    let options = MoveOptions { timeout: Some(Duration::from_secs(3600)), ..MoveOptions::default() };
    let outcome = run_range_with::<65_536>(&machine, 1, options, None);
    assert_eq!(outcome.stats.moved(), 20_000);
    assert!(outcome.machine.clock.moves.len() < 10, "{:?}", outcome.machine.clock.moves);
}

#[test]
fn a_flag_of_another_thread_cancels_a_move_before_the_next_call() {
    let machine = machine_with_clock(10_000, 0, 100_000);
    let (cancel, mut reports) = (AtomicI32::new(0), 0);
    let options = MoveOptions { cancel: Some(CancelFlag::NotZero(&cancel)), ..MoveOptions::default() };
    // In place of another thread, the callback sets the flag, and itself lets the move continue.
    let mut progress = |_: &MoveStats| {
        reports += 1;
        cancel.store(i32::from(reports == 2), Relaxed);
        true
    };
    let outcome = run_range_with::<4_096>(&machine, 1, options, Some(&mut progress));
    let moved = outcome.machine.pages.iter().filter(|page| page.node == 1).count();
    assert_eq!((outcome.error, outcome.stats.moved()), (errno::ECANCELED, moved));
    assert_eq!(outcome.machine.clock.moves.len(), 2);
    // A flag that is set from the start: nothing is moved.
    cancel.store(-1, Relaxed);
    let outcome = run_range_with::<4_096>(&machine, 1, options, None);
    assert_eq!((outcome.error, outcome.stats.requested()), (errno::ECANCELED, 0));
}

#[test]
fn moved_pages_are_counted_on_their_target_nodes() {
    let mut machine = machine_with(&[0, 0, 1, 2, -errno::ENOENT, 0]);
    machine.pages[5].pinned = 255;
    let moved_per_node: Vec<Cell<usize>> = vec![Cell::new(0); 4];
    let addresses: Vec<usize> = (0..6).map(address).collect();
    for batch_is_small in [false, true] {
        moved_per_node.iter().for_each(|count| count.set(0));
        let mut status = [0; 6];
        let request = request(&addresses, &[1, 2, 1, 3, 1, 1], &mut status);
        let options = MoveOptions { moved_per_node: &moved_per_node, ..MoveOptions::default() };
        if batch_is_small {
            Mover::new(Model::<2>::new(machine.clone()), options, None).move_list(request).unwrap();
        } else {
            Mover::new(Model::<64>::new(machine.clone()), options, None).move_list(request).unwrap();
        }
        let counts: Vec<usize> = moved_per_node.iter().map(Cell::get).collect();
        assert_eq!(counts, [0, 1, 1, 1], "{status:?}");
    }
}

/// Moves a list of these pages with 1,000 base pages per second. Returns the milliseconds that it took.
fn ms_at_1000_pages_per_second(machine: &Machine, addresses: &[usize]) -> u128 {
    let options = MoveOptions { max_bytes_per_second: 1000 * PAGE as u64, ..MoveOptions::default() };
    let nodes = vec![1; addresses.len()];
    let mut status = vec![0; addresses.len()];
    let mut mover = Mover::new(Model::<4096>::new(machine.clone()), options, None);
    mover.move_list(request(addresses, &nodes, &mut status)).unwrap();
    assert_eq!(status, nodes);
    mover.stats().elapsed().as_millis()
}

#[test]
fn base_pages_of_a_list_that_are_far_apart_move_as_fast_as_the_rate_allows() {
    let mut machine = machine_with_clock(600 * 100, 0, 10);
    let addresses: Vec<usize> = (0..100).map(|page| address(600 * page)).collect();
    // A call has the pages of 50 ms, and does not wait after it.
    assert!((50..=100).contains(&ms_at_1000_pages_per_second(&machine, &addresses)));
    // If sizes are not known, each may be a huge page.
    machine.hides_sizes = true;
    assert!((99 * 512..=100 * 512).contains(&ms_at_1000_pages_per_second(&machine, &addresses)));
}

#[test]
fn huge_pages_of_a_list_count_with_their_size_and_once() {
    // 40 huge pages of 64 base pages, which are aligned.
    let mut machine = machine_with_clock(63 + 40, 0, 10);
    (machine.has_huge_pages, machine.page_of) = (true, (0..63).chain((0..40 * 64).map(|n| 63 + n / 64)).collect());
    let heads: Vec<usize> = (0..40).map(|page| address(63 + 64 * page)).collect();
    let all: Vec<usize> = (63..63 + 40 * 64).map(address).collect();
    // In another order, in which no two consecutive entries name the same page.
    let shuffled: Vec<usize> = (0..all.len()).map(|n| all[n * 641 % all.len()]).collect();
    for addresses in [heads, all, shuffled] {
        let ms = ms_at_1000_pages_per_second(&machine, &addresses);
        assert!((39 * 64..40 * 64 + 10).contains(&ms), "{ms} ms for {} entries", addresses.len());
    }
}

#[test]
fn scattered_base_pages_of_a_list_share_calls_if_pauses_are_limited() {
    let machine = machine_with_clock(600 * 1000, 0, 2_000);
    let addresses: Vec<usize> = (0..1000).map(|page| address(600 * page)).collect();
    let options = MoveOptions { max_pause: Some(Duration::from_millis(1)), ..MoveOptions::default() };
    let (nodes, mut status) = (vec![1; 1000], vec![0; 1000]);
    let mut mover = Mover::new(Model::<4096>::new(machine), options, None);
    mover.move_list(request(&addresses, &nodes, &mut status)).unwrap();
    let moves = mover.kernel.into_machine().clock.moves;
    assert!(moves.len() < 12 && moves.iter().all(|&(_, ns)| ns <= MS), "{moves:?}");
}

#[test]
fn by_default_half_of_the_cpus_move_pages_and_four_at_most() {
    let threads = |threads, cpus| MoveOptions { threads, ..MoveOptions::default() }.limited_to_cpus(cpus).threads;
    for (cpus, expected) in [(1, 1), (2, 1), (3, 1), (4, 2), (7, 3), (8, 4), (9, 4), (1024, 4)] {
        assert_eq!(threads(0, cpus), expected, "{cpus} CPUs");
    }
    for (requested, cpus, expected) in [(1, 8, 1), (3, 8, 3), (64, 8, 8), (2, 1, 1), (64, 1024, 64)] {
        assert_eq!(threads(requested, cpus), expected, "{requested} threads on {cpus} CPUs");
    }
}
