//! Removes tags from addresses, which the kernel ignores in some system calls and not in others.

use super::process::{ProcHandle, read_field};
use crate::sys::files::File;

/// Returns the address without the tag that the kernel ignores in addresses of this process, or the errno of a failed read(2).
pub(super) fn untagged(address: usize, handle: &ProcHandle) -> Result<usize, i32> {
    /// No processor has tags in the bits below.
    const TAG_BITS: u32 = 47;
    if cfg!(target_arch = "aarch64") {
        return Ok(without_top_byte(address));
    }
    if usize::BITS < 64 || address.checked_shr(TAG_BITS).unwrap_or(0) == 0 {
        return Ok(address);
    }
    let mask = handle.open_file(b"status").map_or(Ok(None), |status| untag_mask(&status))?;
    Ok(address & mask.unwrap_or(usize::MAX))
}

/// Reads the mask of the address bits that are not ignored from /proc/PID/status. Linux has it since 6.4, on processors with tags.
pub(super) fn untag_mask(status: &File) -> Result<Option<usize>, i32> {
    let mut mask = Hexadecimal::default();
    let has_field = read_field(status, b"untag_mask:", &mut |value| value.iter().for_each(|&byte| mask.feed(byte)))?;
    Ok((has_field && mask.0 != 0).then_some(mask.0))
}

/// Removes the top byte, which arm64 ignores in user addresses. Bit 55 is set in kernel addresses only.
pub(super) fn without_top_byte(address: usize) -> usize {
    const TOP_BYTE: u64 = 0xff << 56;
    let is_kernel_mapping = address as u64 >> 55 & 1 == 1;
    if is_kernel_mapping { address } else { address & !TOP_BYTE as usize }
}

/// Parses a hexadecimal number such as `0x7fffffffffff` byte by byte. Any byte that is not a digit starts a new number.
#[derive(Default)]
struct Hexadecimal(usize);

impl Hexadecimal {
    fn feed(&mut self, byte: u8) {
        self.0 = crate::text::hex_digit(byte).map_or(0, |digit| self.0 << 4 | digit as usize);
    }
}
