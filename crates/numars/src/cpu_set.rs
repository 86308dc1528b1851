//! Sets of CPUs.

use crate::bitmask::{WORD_BITS, Word};
use crate::cpu::Cpu;
use crate::list_format::{self, ParseListError};
use crate::nodeset::{CpuMask, MAX_CPUS};
use crate::sys::errno::{EINVAL, Errno};
use crate::sys::memory::Words;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::iter::FusedIterator;
use core::ops::{BitAnd, BitAndAssign, BitOr, BitOrAssign, BitXor, BitXorAssign, Sub, SubAssign};
use core::str::FromStr;

/// The words of a set of up to 1,024 CPUs, which need no memory of their own.
const INLINE_WORDS: usize = 1024 / WORD_BITS;

/// A set of CPUs.
///
/// CPUs below 1,024 are kept in the value itself. Inserting CPU 1,024 or above maps one page (2 KiB used). Where that may fail,
/// [`try_insert`](CpuSet::try_insert) and [`try_clone`](CpuSet::try_clone) report it.
///
/// It is written and parsed in the kernel's list format.
///
/// # Panics
/// `insert()`, `clone()`, `collect()`, `extend()` and the operators panic if memory for CPUs from 1,024 on cannot be mapped, as the collections of alloc
/// do.
///
/// ```
/// use numars::{Cpu, CpuSet};
/// let cpus: CpuSet = "0-3,2000".parse()?;
/// let odd: CpuSet = cpus.iter().filter(|cpu| cpu.number() % 2 == 1).collect();
/// assert_eq!(odd.to_string(), "1,3");
/// assert_eq!((&cpus - &odd).to_string(), "0,2,2000");
/// # Ok::<(), numars::ParseListError>(())
/// ```
#[derive(Default)]
pub struct CpuSet {
    low: [Word; INLINE_WORDS],
    /// The words after `low`, or none.
    high: Words,
}

impl CpuSet {
    /// Returns the set without CPUs.
    ///
    /// ```
    /// let cpus = numars::CpuSet::new();
    /// assert!(cpus.is_empty() && cpus.len() == 0);
    /// ```
    pub const fn new() -> Self {
        CpuSet { low: [0; INLINE_WORDS], high: Words::EMPTY }
    }

    fn word(&self, index: usize) -> Word {
        self.low.get(index).or_else(|| self.high.as_slice().get(index - INLINE_WORDS)).copied().unwrap_or(0)
    }

    /// Returns all words: those that are not 0, and some of the others.
    pub(crate) fn words(&self) -> impl DoubleEndedIterator<Item = Word> {
        self.low.iter().chain(self.high.as_slice()).copied()
    }

    /// Returns the word that holds a CPU. ENOMEM if there is no memory for it.
    fn word_mut(&mut self, cpu: Cpu) -> Result<&mut Word, Errno> {
        let index = cpu.number() / WORD_BITS;
        if let Some(word) = self.low.get_mut(index) {
            return Ok(word);
        }
        if self.high.as_slice().is_empty() {
            self.high = Words::new(MAX_CPUS / WORD_BITS - INLINE_WORDS)?;
        }
        self.high.as_mut_slice().get_mut(index - INLINE_WORDS).ok_or(Errno(EINVAL))
    }

    /// Returns whether the set contains a CPU.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let cpus: CpuSet = "0-3,2000".parse()?;
    /// assert!(cpus.contains(Cpu::new(2000).unwrap()) && !cpus.contains(Cpu::MAX));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn contains(&self, cpu: Cpu) -> bool {
        self.word(cpu.number() / WORD_BITS) >> (cpu.number() % WORD_BITS) & 1 == 1
    }

    /// Adds a CPU. Returns whether the set did not contain it.
    ///
    /// # Errors
    /// ENOMEM if memory for CPUs from 1,024 on cannot be mapped.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let mut cpus = CpuSet::new();
    /// assert!(cpus.try_insert(Cpu::MAX)? && !cpus.try_insert(Cpu::MAX)?);
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn try_insert(&mut self, cpu: Cpu) -> Result<bool, Errno> {
        let is_new = !self.contains(cpu);
        if is_new {
            *self.word_mut(cpu)? |= 1 << (cpu.number() % WORD_BITS);
        }
        Ok(is_new)
    }

    /// Adds a CPU. Returns whether the set did not contain it.
    ///
    /// # Panics
    /// If memory for CPUs from 1,024 on cannot be mapped: see [`CpuSet::try_insert`].
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let (mut cpus, cpu) = (CpuSet::new(), Cpu::new(7).unwrap());
    /// assert!(cpus.insert(cpu) && !cpus.insert(cpu) && cpus.contains(cpu));
    /// ```
    pub fn insert(&mut self, cpu: Cpu) -> bool {
        or_panic(self.try_insert(cpu))
    }

    /// Removes a CPU. Returns whether the set contained it.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let mut cpus = CpuSet::from(Cpu::MAX);
    /// assert!(cpus.remove(Cpu::MAX) && cpus.is_empty());
    /// ```
    pub fn remove(&mut self, cpu: Cpu) -> bool {
        let was_in = self.contains(cpu);
        if was_in {
            // The word exists.
            self.word_mut(cpu).into_iter().for_each(|word| *word &= !(1 << (cpu.number() % WORD_BITS)));
        }
        was_in
    }

    /// Returns a copy.
    ///
    /// # Errors
    /// ENOMEM if memory for CPUs from 1,024 on cannot be mapped.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let cpus = CpuSet::from(Cpu::MAX);
    /// let mut copy = cpus.try_clone()?;
    /// assert_eq!(copy, cpus);
    /// assert!(copy.remove(Cpu::MAX) && copy != cpus);
    /// # Ok::<(), numars::Errno>(())
    /// ```
    pub fn try_clone(&self) -> Result<Self, Errno> {
        let mut copy = CpuSet { low: self.low, high: Words::EMPTY };
        if self.high.as_slice().iter().any(|&word| word != 0) {
            copy.high = Words::new(self.high.as_slice().len())?;
            copy.high.as_mut_slice().copy_from_slice(self.high.as_slice());
        }
        Ok(copy)
    }

    /// Returns the number of CPUs.
    ///
    /// ```
    /// let cpus: numars::CpuSet = "0-3,2000".parse()?;
    /// assert_eq!(cpus.len(), 5);
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn len(&self) -> usize {
        self.words().map(|word| word.count_ones() as usize).sum()
    }

    /// Returns whether the set has no CPUs.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// assert!(CpuSet::new().is_empty() && !CpuSet::from(Cpu::MAX).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.words().all(|word| word == 0)
    }

    /// Returns the CPU with the lowest number.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let cpus: CpuSet = "3,5".parse()?;
    /// assert_eq!((cpus.first(), CpuSet::new().first()), (Cpu::new(3), None));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn first(&self) -> Option<Cpu> {
        self.iter().next()
    }

    /// Returns the CPU with the highest number.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let cpus: CpuSet = "3,5".parse()?;
    /// assert_eq!((cpus.last(), CpuSet::new().last()), (Cpu::new(5), None));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn last(&self) -> Option<Cpu> {
        self.iter().next_back()
    }

    /// Returns whether all CPUs are in `other`.
    ///
    /// ```
    /// use numars::CpuSet;
    /// let [some, all]: [CpuSet; 2] = ["1,3".parse()?, "0-3".parse()?];
    /// assert!(some.is_subset(&all) && !some.is_disjoint(&all));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn is_subset(&self, other: &CpuSet) -> bool {
        self.iter().all(|cpu| other.contains(cpu))
    }

    /// Returns whether no CPU is in `other`.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let cpus: CpuSet = "0-3".parse()?;
    /// assert!(cpus.is_disjoint(&Cpu::MAX.into()) && !cpus.is_disjoint(&"3-5".parse()?));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn is_disjoint(&self, other: &CpuSet) -> bool {
        !self.iter().any(|cpu| other.contains(cpu))
    }

    /// Returns the CPUs in ascending order.
    ///
    /// ```
    /// use numars::{Cpu, CpuSet};
    /// let cpus: CpuSet = "8,0-2".parse()?;
    /// assert!(cpus.iter().map(Cpu::number).eq([0, 1, 2, 8]));
    /// assert!(cpus.iter().eq(&cpus));
    /// # Ok::<(), numars::ParseListError>(())
    /// ```
    pub fn iter(&self) -> CpuSetIter<'_> {
        CpuSetIter { cpus: self, next: 0, end: MAX_CPUS }
    }

    /// Returns the set that libnumars works with.
    pub(crate) fn to_mask(&self) -> CpuMask {
        let mask = CpuMask::new();
        mask.words().iter().zip(self.words()).for_each(|(to, word)| to.set(word));
        mask
    }

    /// Adds the members of words, the lowest first.
    ///
    /// # Errors
    /// As [`CpuSet::try_insert`].
    pub(crate) fn try_add_words(&mut self, words: impl Iterator<Item = Word>) -> Result<(), Errno> {
        for (index, word) in words.enumerate().filter(|&(_, word)| word != 0) {
            let first = Cpu::new(index * WORD_BITS).ok_or(Errno(EINVAL))?;
            *self.word_mut(first)? |= word;
        }
        Ok(())
    }

    /// Returns the set of such words.
    ///
    /// # Errors
    /// As [`CpuSet::try_insert`].
    pub(crate) fn try_from_words(words: impl Iterator<Item = Word>) -> Result<Self, Errno> {
        let mut set = CpuSet::new();
        set.try_add_words(words)?;
        Ok(set)
    }

    fn combine(&self, other: &CpuSet, combine: impl Fn(Word, Word) -> Word) -> Self {
        let words = (0..MAX_CPUS / WORD_BITS).map(|index| combine(self.word(index), other.word(index)));
        or_panic(CpuSet::try_from_words(words))
    }
}

/// Panics as the collections of alloc do if there is no memory.
fn or_panic<T>(result: Result<T, Errno>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("no memory for a set of CPUs: {error}"),
    }
}

impl Clone for CpuSet {
    fn clone(&self) -> Self {
        or_panic(self.try_clone())
    }
}

impl PartialEq for CpuSet {
    fn eq(&self, other: &CpuSet) -> bool {
        (0..MAX_CPUS / WORD_BITS).all(|index| self.word(index) == other.word(index))
    }
}

impl Eq for CpuSet {}

impl Hash for CpuSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (0..MAX_CPUS / WORD_BITS).for_each(|index| self.word(index).hash(state));
    }
}

impl From<Cpu> for CpuSet {
    /// Returns the set of one CPU.
    fn from(cpu: Cpu) -> Self {
        core::iter::once(cpu).collect()
    }
}

impl FromIterator<Cpu> for CpuSet {
    fn from_iter<I: IntoIterator<Item = Cpu>>(cpus: I) -> Self {
        let mut set = CpuSet::new();
        set.extend(cpus);
        set
    }
}

impl Extend<Cpu> for CpuSet {
    fn extend<I: IntoIterator<Item = Cpu>>(&mut self, cpus: I) {
        for cpu in cpus {
            self.insert(cpu);
        }
    }
}

impl<'a> IntoIterator for &'a CpuSet {
    type Item = Cpu;
    type IntoIter = CpuSetIter<'a>;

    fn into_iter(self) -> CpuSetIter<'a> {
        self.iter()
    }
}

/// The CPUs of a [`CpuSet`] in ascending order.
///
/// ```
/// let cpus: numars::CpuSet = "0-2".parse()?;
/// assert!(cpus.iter().rev().map(usize::from).eq([2, 1, 0]));
/// # Ok::<(), numars::ParseListError>(())
/// ```
#[derive(Clone)]
pub struct CpuSetIter<'a> {
    cpus: &'a CpuSet,
    /// No CPU is left below this number.
    next: usize,
    /// Nor from this number on.
    end: usize,
}

impl fmt::Debug for CpuSetIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl Iterator for CpuSetIter<'_> {
    type Item = Cpu;

    fn next(&mut self) -> Option<Cpu> {
        while self.next < self.end {
            let (start, bit) = (self.next - self.next % WORD_BITS, self.next % WORD_BITS);
            let rest = self.cpus.word(self.next / WORD_BITS) >> bit << bit;
            if rest == 0 {
                self.next = start + WORD_BITS;
                continue;
            }
            let number = start + rest.trailing_zeros() as usize;
            if number >= self.end {
                break;
            }
            self.next = number + 1;
            return Cpu::new(number);
        }
        self.next = self.end;
        None
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let in_word = |index: usize| {
            let start = index * WORD_BITS;
            let below = Word::MAX.checked_shl((self.end - start).min(WORD_BITS) as u32).unwrap_or(0);
            let from = Word::MAX << self.next.saturating_sub(start);
            (self.cpus.word(index) & from & !below).count_ones() as usize
        };
        let words = self.next / WORD_BITS..self.end.div_ceil(WORD_BITS);
        let count = if self.next < self.end { words.map(in_word).sum() } else { 0 };
        (count, Some(count))
    }
}

impl DoubleEndedIterator for CpuSetIter<'_> {
    fn next_back(&mut self) -> Option<Cpu> {
        while self.next < self.end {
            let last = self.end - 1;
            let above = WORD_BITS - 1 - last % WORD_BITS;
            let rest = self.cpus.word(last / WORD_BITS) << above >> above;
            let start = last - last % WORD_BITS;
            let Some(bit) = rest.checked_ilog2() else {
                self.end = start;
                continue;
            };
            let number = start + bit as usize;
            if number < self.next {
                break;
            }
            self.end = number;
            return Cpu::new(number);
        }
        self.end = self.next;
        None
    }
}

impl ExactSizeIterator for CpuSetIter<'_> {}
impl FusedIterator for CpuSetIter<'_> {}

/// Implements an operator and its form that assigns.
macro_rules! operator {
    ($trait:ident $function:ident $assign_trait:ident $assign_function:ident: $combine:expr) => {
        impl $trait for &CpuSet {
            type Output = CpuSet;

            fn $function(self, other: &CpuSet) -> CpuSet {
                self.combine(other, $combine)
            }
        }

        impl $assign_trait<&CpuSet> for CpuSet {
            fn $assign_function(&mut self, other: &CpuSet) {
                *self = self.combine(other, $combine);
            }
        }
    };
}

operator!(BitOr bitor BitOrAssign bitor_assign: |word, other| word | other);
operator!(BitAnd bitand BitAndAssign bitand_assign: |word, other| word & other);
operator!(BitXor bitxor BitXorAssign bitxor_assign: |word, other| word ^ other);
operator!(Sub sub SubAssign sub_assign: |word, other| word & !other);

impl FromStr for CpuSet {
    type Err = ParseListError;

    /// Parses the kernel's list format: `0-3,8`, `0-31:2/16` for the first two of each 16 CPUs, or an empty string; a newline may follow.
    fn from_str(list: &str) -> Result<Self, ParseListError> {
        let mut set = CpuSet::new();
        list_format::parse(list, MAX_CPUS, |number| Cpu::new(number).is_some_and(|cpu| set.try_insert(cpu).is_ok()))?;
        Ok(set)
    }
}

impl fmt::Display for CpuSet {
    /// Writes the kernel's list format, such as `0-3,8`; nothing for a set without CPUs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list_format::write(f, self.iter().map(Cpu::number))
    }
}

impl fmt::Debug for CpuSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CpuSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::btree_set;
    use proptest::prelude::*;
    use std::collections::BTreeSet;
    use std::hash::DefaultHasher;

    fn set(numbers: &BTreeSet<usize>) -> CpuSet {
        numbers.iter().filter_map(|&number| Cpu::new(number)).collect()
    }

    fn numbers(set: &CpuSet) -> BTreeSet<usize> {
        set.iter().map(Cpu::number).collect()
    }

    fn hash(set: &CpuSet) -> u64 {
        let mut state = DefaultHasher::new();
        set.hash(&mut state);
        state.finish()
    }

    #[test]
    fn sets_with_the_same_cpus_are_equal_whether_they_have_mapped_memory_or_not() {
        let (small, mut large) = (set(&[1, 1023].into()), set(&[1, 1023, 1024].into()));
        assert_ne!(small, large);
        assert!(large.remove(Cpu::new(1024).unwrap()) && !large.remove(Cpu::MAX));
        assert_eq!((&small, hash(&small)), (&large, hash(&large)));
        assert_eq!(format!("{large:?}"), "CpuSet(1,1023)");
    }

    proptest! {
        #[test]
        fn operators_are_those_of_sets(a in btree_set(0..MAX_CPUS, 0..50), b in btree_set(0..2000_usize, 0..50)) {
            let (x, y) = (set(&a), set(&b));
            prop_assert_eq!(numbers(&(&x | &y)), &a | &b);
            prop_assert_eq!(numbers(&(&x & &y)), &a & &b);
            prop_assert_eq!(numbers(&(&x ^ &y)), &a ^ &b);
            prop_assert_eq!(numbers(&(&x - &y)), &a - &b);
            prop_assert_eq!((x.is_subset(&y), x.is_disjoint(&y)), (a.is_subset(&b), a.is_disjoint(&b)));
            prop_assert_eq!((x.len(), x.is_empty(), x == y), (a.len(), a.is_empty(), a == b));
            prop_assert_eq!((x.first().map(usize::from), x.last().map(usize::from)), (a.first().copied(), a.last().copied()));
            prop_assert_eq!(x.to_string().parse(), Ok(x.clone()));
            let mut z = x.clone();
            z |= &y;
            z -= &x;
            z ^= &y;
            z &= &x;
            prop_assert_eq!(numbers(&z), &a & &b);
            prop_assert!(x.to_mask().bits().as_bits().iter().eq(a));
        }

        #[test]
        fn iterators_meet_in_the_middle(a in btree_set(0..MAX_CPUS, 0..20), ends in proptest::collection::vec(any::<bool>(), 25)) {
            let cpus = set(&a);
            let (mut cpus, mut expected) = (cpus.iter(), a.iter());
            for back in ends {
                prop_assert_eq!(cpus.len(), expected.len());
                let (cpu, number) = if back { (cpus.next_back(), expected.next_back()) } else { (cpus.next(), expected.next()) };
                prop_assert_eq!(cpu.map(usize::from), number.copied());
            }
        }
    }
}
