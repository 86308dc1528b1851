//! Tables of names in one string: the loader would have to relocate each address in a table of strings.

/// Returns the name with this index in `names`, which are separated by commas; the empty string beyond the last one.
///
/// ```
/// use numars::names::nth;
/// assert_eq!([0, 1, 2].map(|index| nth("moved,in place", index)), ["moved", "in place", ""]);
/// ```
#[inline(never)]
pub fn nth(names: &'static str, index: usize) -> &'static str {
    let (mut start, mut current) = (0, 0);
    for (end, byte) in names.bytes().enumerate() {
        if byte == b',' {
            if current == index {
                return names.get(start..end).unwrap_or_default();
            }
            (start, current) = (end + 1, current + 1);
        }
    }
    names.get(start..).filter(|_| current == index).unwrap_or_default()
}
