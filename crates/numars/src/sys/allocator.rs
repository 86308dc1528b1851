//! The implementation of the trait Allocator: each block is a mapping.

use super::errno::{Errno, preserve_errno};
use super::memory::remap;
use crate::allocator::NodeAllocator;
use allocator_api2::alloc::{AllocError, Allocator};
use core::alloc::Layout;
use core::ffi::c_void;
use core::ptr::{NonNull, null_mut};

impl NodeAllocator {
    /// Returns how many bytes are mapped for so many; `None` if there are too many.
    fn mapped_size(&self, bytes: usize) -> Option<usize> {
        bytes.checked_next_multiple_of(self.options().page_size()).filter(|&size| isize::try_from(size).is_ok())
    }

    fn map_block(&self, layout: Layout) -> Result<NonNull<[u8]>, Errno> {
        let (bytes, align) = (layout.size(), layout.align());
        if bytes == 0 {
            return block(core::ptr::without_provenance_mut(align), 0);
        }
        let size = self.mapped_size(bytes).ok_or(Errno::ENOMEM)?;
        block(self.options().map_aligned(size, align)?.into_raw().cast(), size)
    }

    /// Maps another block, and moves the contents there.
    ///
    /// # Safety
    /// As for [`Allocator::grow`] or [`Allocator::shrink`].
    unsafe fn copy_block(&self, memory: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, Errno> {
        let copy = self.map_block(new)?;
        // SAFETY: the old block has as many bytes as its layout says, the new one as many as its own, and it is not the old one. The caller
        // does not use the old one any more.
        unsafe {
            copy.cast::<u8>().copy_from_nonoverlapping(memory, old.size().min(new.size()));
            self.unmap_block(memory, old);
        }
        Ok(copy)
    }

    /// # Safety
    /// As for [`Allocator::grow`].
    unsafe fn grow_block(&self, memory: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, Errno> {
        let (old_size, new_size) = (self.mapped_size(old.size()), self.mapped_size(new.size()));
        let (Some(old_size), Some(new_size)) = (old_size, new_size) else { return Err(Errno::ENOMEM) };
        let is_aligned = memory.addr().get() % new.align() == 0;
        if old_size == new_size && is_aligned {
            return block(memory.as_ptr(), new_size);
        }
        if let Some(may_move) = self.options().may_grow().filter(|_| old_size > 0 && is_aligned) {
            let may_move = may_move && new.align() <= self.options().page_size();
            let remap = if may_move { remap } else { remap_in_place };
            // SAFETY: a mapping of this allocator, and the caller uses the memory by the new address only.
            let moved = unsafe { remap(memory.as_ptr().cast(), old_size, new_size) };
            if !moved.is_null() {
                return block(moved.cast(), new_size);
            }
        }
        // SAFETY: as the caller promises.
        unsafe { self.copy_block(memory, old, new) }
    }

    /// # Safety
    /// As for [`Allocator::shrink`].
    unsafe fn shrink_block(&self, memory: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, Errno> {
        let (old_size, new_size) = (self.mapped_size(old.size()), self.mapped_size(new.size()));
        let (Some(old_size), Some(new_size)) = (old_size, new_size) else { return Err(Errno::ENOMEM) };
        let is_aligned = memory.addr().get() % new.align() == 0;
        if new_size == 0 || !is_aligned {
            // SAFETY: as the caller promises.
            return unsafe { self.copy_block(memory, old, new) };
        }
        if new_size < old_size {
            // SAFETY: the last pages of a mapping of this allocator, which the caller does not use any more.
            unsafe { try_unmap(memory.as_ptr().add(new_size).cast(), old_size - new_size)? };
        }
        block(memory.as_ptr(), new_size)
    }

    /// # Safety
    /// As for [`Allocator::deallocate`].
    unsafe fn unmap_block(&self, memory: NonNull<u8>, layout: Layout) {
        if let Some(size @ 1..) = self.mapped_size(layout.size()) {
            // SAFETY: a mapping of this allocator, which the caller does not use any more. If the kernel has no memory to split a mapping, the
            // block remains.
            let _ = unsafe { try_unmap(memory.as_ptr().cast(), size) };
        }
    }
}

/// As [`remap`], but the memory stays where it is.
///
/// # Safety
/// As [`remap`].
unsafe fn remap_in_place(start: *mut c_void, old_size: usize, new_size: usize) -> *mut c_void {
    // SAFETY: as the caller promises.
    let start = unsafe { libc::mremap(start, old_size, new_size, 0) };
    if start == libc::MAP_FAILED { null_mut() } else { start }
}

/// Unmaps memory with munmap(2), by that symbol as [`unmap`](super::memory::unmap). ENOMEM if the kernel has no memory to split a mapping.
///
/// # Safety
/// The memory is not used any more.
unsafe fn try_unmap(start: *mut c_void, size: usize) -> Result<(), Errno> {
    // SAFETY: as the caller promises.
    if unsafe { libc::munmap(start, size) } == 0 { Ok(()) } else { Err(Errno::last()) }
}

/// Returns a block of memory, which is not at NULL.
fn block(start: *mut u8, bytes: usize) -> Result<NonNull<[u8]>, Errno> {
    let start = NonNull::new(start).ok_or(Errno::ENOMEM)?;
    Ok(NonNull::slice_from_raw_parts(start, bytes))
}

// SAFETY: a block is a mapping of its own, which stays where it is until it is given back, wherever the allocator is. Copies of an allocator have
// the same options, so that they agree on the size of a mapping: that of the layout, rounded up to whole pages, which is the same for each layout
// that fits the block. A block without bytes is no mapping.
unsafe impl Allocator for NodeAllocator {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        preserve_errno(|| self.map_block(layout)).map_err(|_| AllocError)
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        self.allocate(layout)
    }

    unsafe fn deallocate(&self, memory: NonNull<u8>, layout: Layout) {
        // SAFETY: as the caller promises.
        preserve_errno(|| unsafe { self.unmap_block(memory, layout) });
    }

    unsafe fn grow(&self, memory: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as the caller promises.
        preserve_errno(|| unsafe { self.grow_block(memory, old, new) }).map_err(|_| AllocError)
    }

    /// As `grow`: new pages are zero.
    unsafe fn grow_zeroed(&self, memory: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as the caller promises.
        unsafe { self.grow(memory, old, new) }
    }

    unsafe fn shrink(&self, memory: NonNull<u8>, old: Layout, new: Layout) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: as the caller promises.
        preserve_errno(|| unsafe { self.shrink_block(memory, old, new) }).map_err(|_| AllocError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::errno;
    use crate::{MapOptions, Node, Policy};
    use allocator_api2::boxed::Box;
    use allocator_api2::vec::Vec;

    fn layout(bytes: usize, align: usize) -> Layout {
        Layout::from_size_align(bytes, align).unwrap()
    }

    /// Allocators that work also where policies are forbidden, and others if not.
    fn allocators() -> std::vec::Vec<NodeAllocator> {
        let plain = MapOptions::new();
        let mut options = vec![plain, plain.huge_pages(true), plain.populate(true)];
        if crate::Support::query().policy() {
            let node = Node::current().unwrap();
            options.push(plain.policy(Policy::preferred(node)));
            options.push(plain.policy(Policy::bind(node.into())).strict(true));
            options.push(plain.policy(Policy::interleave(node.into())).huge_pages(true));
        }
        options.into_iter().map(NodeAllocator::with_options).collect()
    }

    #[test]
    fn a_block_is_zero_aligned_and_as_large_as_it_says() {
        for allocator in allocators() {
            for (bytes, align) in [(1, 1), (8, 8), (5000, 4096), (1 << 20, 2 << 20), (100, 16 << 20)] {
                errno::set(7);
                let block = allocator.allocate_zeroed(layout(bytes, align)).unwrap();
                assert!(block.cast::<u8>().addr().get().is_multiple_of(align) && block.len() >= bytes);
                // SAFETY: this block, which is given back with a layout that fits.
                unsafe {
                    assert!(block.as_ref().iter().all(|&byte| byte == 0));
                    allocator.deallocate(block.cast(), layout(block.len(), align));
                }
                assert_eq!(errno::get(), 7);
            }
        }
    }

    #[test]
    fn a_block_keeps_its_contents_when_it_grows_and_shrinks() {
        const SIZES: [usize; 11] = [1, 4000, 5000, 0, 70_000, 1 << 20, 1 << 20, 3 << 20, 1 << 20, 10, 0];
        for allocator in allocators() {
            for align in [1, 4096, 2 << 20] {
                let mut old = layout(0, 1);
                let mut block = allocator.allocate(old).unwrap();
                for size in SIZES {
                    let new = layout(size, align);
                    // SAFETY: the block's layout, and memory that it has.
                    unsafe {
                        let start = block.cast::<u8>();
                        block = if size >= old.size() {
                            allocator.grow_zeroed(start, old, new).unwrap()
                        } else {
                            allocator.shrink(start, old, new).unwrap()
                        };
                        assert!(block.cast::<u8>().addr().get().is_multiple_of(align) && block.len() >= size);
                        let kept = old.size().min(size);
                        let bytes = block.as_mut();
                        assert!(bytes[..kept].iter().all(|&byte| byte == 9), "{size}: {allocator:?}");
                        assert!(size <= kept || bytes[kept..].iter().all(|&byte| byte == 0), "{size}: {allocator:?}");
                        bytes[..size].fill(9);
                        // What is beyond the requested size may be kept: clear it for the next comparison.
                        bytes[size..].fill(0);
                    }
                    old = new;
                }
                // SAFETY: this block and its layout.
                unsafe { allocator.deallocate(block.cast(), old) };
            }
        }
    }

    #[test]
    fn a_block_that_needs_another_alignment_is_copied() {
        for allocator in allocators() {
            let (small, large) = (layout(10, 1), layout(10, 1 << 25));
            let block = allocator.allocate(small).unwrap();
            // SAFETY: this block and its layouts.
            unsafe {
                block.cast::<u8>().write(7);
                let block = allocator.grow(block.cast(), small, large).unwrap();
                assert!(block.cast::<u8>().addr().get().is_multiple_of(1 << 25));
                let block = allocator.shrink(block.cast(), large, layout(5, 1 << 26)).unwrap();
                assert!(block.cast::<u8>().addr().get().is_multiple_of(1 << 26));
                assert_eq!(block.cast::<u8>().read(), 7);
                allocator.deallocate(block.cast(), layout(5, 1 << 26));
            }
        }
    }

    #[test]
    fn what_cannot_be_allocated_is_an_error() {
        for allocator in allocators() {
            for layout in [layout(isize::MAX as usize, 1), layout(1, 1 << (usize::BITS - 2))] {
                assert_eq!(allocator.allocate(layout).err(), Some(AllocError));
            }
            let one = layout(1, 1);
            let block = allocator.allocate(one).unwrap();
            // SAFETY: this block and its layout; a block that did not grow is still the same.
            unsafe {
                block.cast::<u8>().write(7);
                assert!(allocator.grow(block.cast(), one, layout(isize::MAX as usize, 1)).is_err());
                assert_eq!(block.cast::<u8>().read(), 7);
                allocator.deallocate(block.cast(), one);
            }
            assert!(Vec::<u64, _>::new_in(allocator).try_reserve(1 << (usize::BITS - 5)).is_err());
        }
        let impossible = NodeAllocator::on_node(Node::MAX);
        assert!(Box::try_new_in(1, impossible).is_err());
        let no_such_pages = NodeAllocator::with_options(MapOptions::new().hugetlb(12345));
        assert!(no_such_pages.allocate(layout(1, 1)).is_err());
    }

    #[test]
    fn collections_live_in_such_memory() {
        for allocator in allocators() {
            let mut numbers = Vec::new_in(allocator);
            let mut squares = hashbrown::HashMap::new_in(allocator);
            for number in 0..20_000_u64 {
                numbers.push(number);
                squares.insert(number, number * number);
            }
            assert!(numbers.iter().copied().eq(0..20_000) && squares[&19_999] == 19_999 * 19_999);
            numbers.truncate(3);
            numbers.shrink_to_fit();
            assert_eq!(numbers, [0, 1, 2]);
        }
    }

    #[test]
    fn memory_keeps_its_policy_when_it_grows() {
        for allocator in allocators() {
            let mut bytes = Vec::new_in(allocator);
            for length in [1_usize, 1 << 20, 1 << 23] {
                bytes.resize(length, 1_u8);
                if let Ok(policy) = Policy::of_address(&raw const bytes[length - 1] as usize) {
                    assert!(format!("{allocator:?}").contains(&format!("{policy:?}")), "{policy}");
                }
            }
        }
    }
}
