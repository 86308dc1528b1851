//! The loops whose time is measured: safe code over slices, each in a function of its own, whose result depends on all that it reads.

/// The words of a cache line: 64 bytes, or half of the line of some CPUs, two of which are fetched together then.
const LINE: usize = 8;

/// Makes each line of memory name another, so that all are one cycle in random order, the same each time.
pub fn link(words: &mut [u64]) {
    let (lines, _) = words.as_chunks_mut::<LINE>();
    for (index, line) in lines.iter_mut().enumerate() {
        line[0] = index as u64;
    }
    // Sattolo's algorithm: a permutation that is a single cycle.
    let mut random = fastrand::Rng::with_seed(1);
    for index in (1..lines.len()).rev() {
        let other = random.usize(..index);
        let name = lines[index][0];
        lines[index][0] = lines[other][0];
        lines[other][0] = name;
    }
}

/// Follows `steps` lines from `line`, each read waiting for the one before, and returns the line that is reached. The steps cannot be left out,
/// since nothing but reading each line says which is next.
#[inline(never)]
pub fn follow(words: &[u64], line: u64, steps: usize) -> u64 {
    let (lines, _) = words.as_chunks::<LINE>();
    let mut line = line;
    for _ in 0..steps {
        line = lines[line as usize][0];
    }
    line
}

/// Returns the sum of words: as many sums as the CPU has vector registers for, so that no addition waits for another.
#[inline(never)]
pub fn read(words: &[u64]) -> u64 {
    let mut sums = [0_u64; 16];
    let (chunks, rest) = words.as_chunks::<16>();
    for chunk in chunks {
        for (sum, word) in sums.iter_mut().zip(chunk) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().chain(rest).fold(0, |sum, word| sum.wrapping_add(*word))
}

/// Writes a value to all words, with ordinary stores: `fill` would be one, too, but of bytes it is memset(3), which may bypass the caches.
#[inline(never)]
pub fn write(words: &mut [u64], value: u64) {
    for word in words {
        *word = value;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn following_the_lines_visits_each_once() {
        for lines in [1, 2, 3, 64, 1000] {
            let mut words = vec![u64::MAX; lines * LINE];
            link(&mut words);
            let mut seen = vec![false; lines];
            let mut line = 0;
            for _ in 0..lines {
                line = follow(&words, line, 1);
                assert!(!std::mem::replace(&mut seen[line as usize], true));
            }
            assert_eq!((line, follow(&words, 0, lines)), (0, 0));
        }
    }

    #[test]
    fn the_order_is_not_one_that_a_cpu_foresees() {
        let mut words = vec![0; 1000 * LINE];
        link(&mut words);
        let near = (0..1000).filter(|&line| follow(&words, line, 1).abs_diff(line) <= 2).count();
        assert!(near < 50, "{near}");
    }

    #[test]
    fn all_words_are_read_and_written() {
        let mut words: Vec<u64> = (1..=1003).collect();
        assert_eq!(read(&words), 1003 * 1004 / 2);
        write(&mut words, 7);
        assert!(words.iter().all(|&word| word == 7));
        assert_eq!((read(&[]), read(&[u64::MAX, 2])), (0, 1));
    }
}
