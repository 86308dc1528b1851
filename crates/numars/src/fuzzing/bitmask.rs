//! Bit sets against one bool for each bit.

use crate::bitmask::{Bits, BitsMut, WORD_BITS, Word};
use arbitrary::{Result, Unstructured};
use std::cell::Cell;

/// Changes two sets at random, which may share their words.
pub fn bitmask(data: &[u8]) {
    let _ = changes(&mut Unstructured::new(data));
}

/// Words that all sets have together.
const WORDS: usize = 6;

/// Where a set lies.
#[derive(Debug, Clone, Copy)]
struct Place {
    first_word: usize,
    words: usize,
    length: usize,
}

impl Place {
    fn any(choices: &mut Unstructured) -> Result<Self> {
        // At the beginning or behind the middle, where another one may lie too: as a C program's sets, which share all or nothing.
        let first_word = if choices.arbitrary()? { WORDS / 2 } else { 0 };
        let words = choices.int_in_range(0..=WORDS / 2)?;
        let length = if choices.ratio(1, 16)? { choices.arbitrary()? } else { choices.int_in_range(0..=200)? };
        Ok(Place { first_word, words, length })
    }

    fn set(self, words: &[Cell<Word>]) -> BitsMut<'_> {
        BitsMut::new(&words[self.first_word..self.first_word + self.words], self.length)
    }

    fn room(self) -> usize {
        self.length.min(self.words * WORD_BITS)
    }

    /// Its part of all bits.
    fn of(self, bits: &mut [bool]) -> &mut [bool] {
        &mut bits[self.first_word * WORD_BITS..][..self.room()]
    }
}

fn changes(choices: &mut Unstructured) -> Result<()> {
    let contents: [Word; WORDS] = choices.arbitrary()?;
    let words = contents.map(Cell::new);
    let mut model: Vec<bool> = bits_of(&words);
    let places = [Place::any(choices)?, Place::any(choices)?];
    for _ in 0..64 {
        if choices.is_empty() {
            break;
        }
        let (place, other) = if choices.arbitrary()? { (places[0], places[1]) } else { (places[1], places[0]) };
        let set = place.set(&words);
        match choices.int_in_range(0..=3)? {
            0 => {
                let (bit, value) = (any_bit(choices)?, choices.arbitrary()?);
                if value {
                    set.set(bit)
                } else {
                    set.clear(bit)
                }
                if let Some(place) = place.of(&mut model).get_mut(bit) {
                    *place = value;
                }
            }
            1 => {
                let value = choices.arbitrary()?;
                set.fill(value);
                place.of(&mut model).fill(value);
            }
            2 => {
                set.copy_from(other.set(&words).as_bits());
                let from = other.of(&mut model).to_vec();
                let to = place.of(&mut model);
                to.iter_mut().enumerate().for_each(|(bit, to)| *to = from.get(bit) == Some(&true));
            }
            _ => {
                let bit = any_bit(choices)?;
                assert_eq!(set.as_bits().contains(bit), place.of(&mut model).get(bit) == Some(&true));
            }
        }
        // Also those that belong to no set.
        assert_eq!(bits_of(&words), model);
        for place in places {
            assert_is(place.set(&words).as_bits(), place.of(&mut model));
        }
        let [a, b] = places.map(|place| members(place.of(&mut model)));
        let [first, second] = places.map(|place| place.set(&words).as_bits());
        assert_eq!((first.equals(second), second.equals(first)), (a == b, a == b));
    }
    Ok(())
}

fn any_bit(choices: &mut Unstructured) -> Result<usize> {
    if choices.ratio(1, 16)? { choices.arbitrary() } else { choices.int_in_range(0..=260) }
}

fn bits_of(words: &[Cell<Word>]) -> Vec<bool> {
    words.iter().flat_map(|word| (0..WORD_BITS).map(|bit| word.get() >> bit & 1 == 1)).collect()
}

fn members(model: &[bool]) -> Vec<usize> {
    (0..model.len()).filter(|&bit| model[bit]).collect()
}

fn assert_is(set: Bits, model: &[bool]) {
    let members = members(model);
    assert_eq!(set.length(), model.len());
    assert!(set.iter().eq(members.iter().copied()));
    assert_eq!((set.weight(), set.highest()), (members.len(), members.last().copied()));
    assert_eq!(set.is_empty(), members.is_empty());
    let words = model.chunks(WORD_BITS).map(|word| word.iter().rev().fold(0, |word, &bit| word << 1 | Word::from(bit)));
    assert!(set.words().eq(words));
}
