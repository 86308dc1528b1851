//! Judges one finished program by its output (TAP 12/13, <https://testanything.org>) and how it ended.

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The exit status as a shell returns it: 128 + N for a program killed by signal N.
    Status(i32),
    /// Anything that the program did not do itself: it ran out of time, the guest died.
    Cut(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Passed,
    Failed,
    Skipped,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    pub verdict: Verdict,
    /// Empty if the verdict is about the whole program.
    pub name: String,
    pub note: String,
}

impl Test {
    fn new(verdict: Verdict, name: &str, note: &str) -> Self {
        Self { verdict, name: name.into(), note: note.into() }
    }
}

/// Returns the tests in a program's output. A program without a plan is one test, judged by its exit status.
pub fn judge(output: &[u8], ending: &Ending) -> Vec<Test> {
    let output = String::from_utf8_lossy(output);
    let plans: Vec<(usize, &str)> = output.lines().filter_map(plan).collect();
    let bailed = output.lines().find(|line| line.starts_with("Bail out!"));
    let mut tests: Vec<Test> = output.lines().filter_map(result).collect();
    // Without a plan an "ok" is just a word, but a "not ok" is still not a pass.
    if plans.is_empty() {
        tests.retain(|test| test.verdict == Verdict::Failed);
    }
    let seen = tests.len();
    let failed = tests.iter().any(|test| test.verdict == Verdict::Failed);

    let complaint = match (ending, plans.as_slice()) {
        (Ending::Cut(why), _) => Some(why.clone()),
        (_, [_, _, ..]) => Some("more than one plan".into()),
        (_, [(planned, _)]) if *planned != seen => {
            Some(format!("{seen} of {planned} planned results; {}", describe(ending)))
        }
        (Ending::Status(status), _) if *status != 0 && !failed => Some(describe(ending)),
        _ => bailed.map(String::from),
    };
    match (complaint, plans.as_slice()) {
        (Some(complaint), _) => tests.push(Test::new(Verdict::Failed, "", &complaint)),
        (None, [(0, why)]) => tests.push(Test::new(Verdict::Skipped, "", why)),
        (None, []) if !failed => tests.push(Test::new(Verdict::Passed, "", "")),
        _ => {}
    }
    tests
}

fn describe(ending: &Ending) -> String {
    match ending {
        Ending::Status(status) if *status > 128 => format!("killed by signal {}", status - 128),
        Ending::Status(status) => format!("exit status {status}"),
        Ending::Cut(why) => why.clone(),
    }
}

/// Parses `1..N` and what follows.
fn plan(line: &str) -> Option<(usize, &str)> {
    let rest = line.strip_prefix("1..")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit());
    let (count, after) = rest.split_at(digits.unwrap_or(rest.len()));
    Some((count.parse().ok()?, after.trim_start_matches([' ', '#'])))
}

/// Parses `ok 1 - name`, `not ok 1 - name`, `ok 1 - name # SKIP why`.
fn result(line: &str) -> Option<Test> {
    let (ok, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    if !(rest.is_empty() || rest.starts_with(' ')) {
        return None;
    }
    let description = rest.trim_start().trim_start_matches(|c: char| c.is_ascii_digit()).trim_start_matches([' ', '-']);
    let (description, directive) = description.split_once(" # ").unwrap_or((description, ""));
    let skipped = directive.len() >= 4 && directive[..4].eq_ignore_ascii_case("skip");
    let (name, note) = check_name(description);
    Some(match (ok, skipped) {
        (true, true) => Test::new(Verdict::Skipped, name, directive),
        (true, false) => Test::new(Verdict::Passed, name, ""),
        (false, _) => Test::new(Verdict::Failed, name, note),
    })
}

/// libcheck describes a result as `file:case:name: message`; others only name it.
fn check_name(description: &str) -> (&str, &str) {
    let mut parts = description.splitn(4, ':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(file), Some(_), Some(name), Some(message)) if !file.contains(' ') && !name.is_empty() => {
            (name, message.trim_start())
        }
        _ => (description, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tests(output: &str, status: i32) -> Vec<(Verdict, String, String)> {
        judge(output.as_bytes(), &Ending::Status(status))
            .into_iter()
            .map(|test| (test.verdict, test.name, test.note))
            .collect()
    }

    fn passed(name: &str) -> (Verdict, String, String) {
        (Verdict::Passed, name.into(), String::new())
    }

    fn failed(name: &str, note: &str) -> (Verdict, String, String) {
        (Verdict::Failed, name.into(), note.into())
    }

    #[test]
    fn results_of_libcheck_are_named_by_the_test_only() {
        let output = "ok 1 - a.c:core case:passes: Passed\n\
            not ok 2 - a.c:core case:fails: Assertion 'a == b' failed: a == 1, b == 2\n\
            1..2\n";
        assert_eq!(tests(output, 1), [passed("passes"), failed("fails", "Assertion 'a == b' failed: a == 1, b == 2")]);
    }

    #[test]
    fn the_plan_may_come_first_and_names_may_be_plain() {
        assert_eq!(tests("TAP version 13\n1..2\n# note\nok 1 - one\nok 2 two\n", 0), [passed("one"), passed("two")]);
    }

    #[test]
    fn a_missing_result_is_a_failure() {
        assert_eq!(
            tests("1..2\nok 1 - one\n", 0),
            [passed("one"), failed("", "1 of 2 planned results; exit status 0")]
        );
    }

    #[test]
    fn an_extra_result_is_a_failure() {
        assert_eq!(tests("1..1\nok 1 - one\nok 2 - two\n", 0)[2], failed("", "2 of 1 planned results; exit status 0"));
    }

    #[test]
    fn a_bad_exit_after_good_results_is_a_failure() {
        assert_eq!(tests("ok 1 - one\n1..1\n", 139), [passed("one"), failed("", "killed by signal 11")]);
    }

    #[test]
    fn a_second_plan_is_a_failure() {
        let output = "1..1\nok 1 - one\n1..1\n";
        assert_eq!(tests(output, 0)[1], failed("", "more than one plan"));
    }

    #[test]
    fn a_program_without_a_plan_is_one_test_judged_by_its_exit() {
        assert_eq!(tests("hello\nok then\n", 0), [passed("")]);
        assert_eq!(tests("hello\n", 3), [failed("", "exit status 3")]);
    }

    #[test]
    fn a_not_ok_without_a_plan_is_not_a_pass() {
        assert_eq!(tests("not ok 1 - one\n", 0), [failed("one", "")]);
    }

    #[test]
    fn a_program_cut_short_fails_whatever_it_printed() {
        let cut = Ending::Cut("timed out".into());
        let judged = judge(b"1..1\nok 1 - one\n", &cut);
        assert_eq!(judged[1], Test::new(Verdict::Failed, "", "timed out"));
    }

    #[test]
    fn bailing_out_is_a_failure() {
        let output = "1..1\nok 1 - one\nBail out! no nodes\n";
        assert_eq!(tests(output, 0)[1], failed("", "Bail out! no nodes"));
    }

    #[test]
    fn a_skipped_test_is_neither_passed_nor_failed() {
        let skipped = |name: &str, note: &str| (Verdict::Skipped, name.into(), note.into());
        assert_eq!(tests("1..1\nok 1 - one # SKIP no disk\n", 0), [skipped("one", "SKIP no disk")]);
        assert_eq!(tests("1..0 # SKIP one node\n", 0), [skipped("", "SKIP one node")]);
    }
}
