//! A batch of entries: parallel slices of scratch memory, with one element for each entry.

use super::status::{States, SubmitStates, Targets, keep_first};
use crate::sys::memory::Arena;

/// The entries of a batch. Each slice has one element for each entry.
pub struct Batch<'a> {
    /// An address in the page.
    pub pages: &'a mut [usize],
    /// The target node.
    pub targets: Targets<'a>,
    /// The node that the page was on before the batch, or a negative errno. `plan::reconcile` updates it for a page that did not move itself.
    pub old_node: &'a mut [i32],
    /// The state of the entry.
    pub states: States<'a>,
    /// The entries to submit, in this order.
    pub order: &'a mut [u32],
    /// The pages of the entries in `order`, as the kernel reads them.
    pub submit_pages: &'a mut [usize],
    /// The target nodes of the entries in `order`, as the kernel reads them.
    pub submit_targets: &'a mut [i32],
    /// The statuses of the entries in `order`, as the kernel writes them.
    pub submit_states: SubmitStates<'a>,
    /// The node of each page at the last requery, or a negative errno.
    pub current_node: &'a mut [i32],
    /// Two numbers for each entry: the entries sorted by page for the plan, and then the sizes of the submitted ones.
    pub spare: &'a mut [u32],
    /// The number of base pages that the entry counts as; 0 if it is not counted.
    pub base_pages: &'a mut [u32],
    /// Whether `base_pages` are the sizes of the pages. In a list, every entry counts as one, whatever its size.
    pub has_sizes: bool,
}

/// Bytes of scratch memory for each entry of a batch.
pub const BYTES_PER_ENTRY: usize = 2 * size_of::<usize>() + 10 * size_of::<i32>();

impl Batch<'_> {
    /// Keeps the first `count` entries.
    #[inline(never)]
    pub fn truncate(&mut self, count: usize) {
        let count = count.min(self.pages.len());
        keep_first(&mut self.pages, count);
        keep_first(&mut self.submit_pages, count);
        self.targets.truncate(count);
        keep_first(&mut self.old_node, count);
        self.states.truncate(count);
        keep_first(&mut self.order, count);
        keep_first(&mut self.submit_targets, count);
        keep_first(&mut self.current_node, count);
        keep_first(&mut self.base_pages, count);
        keep_first(&mut self.spare, count.saturating_mul(2));
        debug_assert!(count <= self.submit_states.len());
        self.submit_states = self.submit_states.slice(0..count).unwrap_or(SubmitStates::over(&[]));
    }

    /// Divides scratch memory into the slices of a batch.
    pub(super) fn carve<'a>(arena: &mut Arena<'a>, entries: usize) -> Batch<'a> {
        let batch = Batch {
            pages: arena.alloc_slice(entries),
            submit_pages: arena.alloc_slice(entries),
            targets: Targets::over(arena.alloc_slice(entries)),
            old_node: arena.alloc_slice(entries),
            states: States::over(arena.alloc_slice(entries)),
            order: arena.alloc_slice(entries),
            submit_targets: arena.alloc_slice(entries),
            current_node: arena.alloc_slice(entries),
            spare: arena.alloc_slice(2 * entries),
            base_pages: arena.alloc_slice(entries),
            submit_states: SubmitStates::over(arena.alloc_slice(entries)),
            has_sizes: false,
        };
        // The last slice would be empty if the memory were too small.
        debug_assert_eq!(batch.submit_states.len(), entries);
        batch
    }
}

/// Returns the value at `index`, which is in range.
pub(super) fn get_or_default<T: Copy + Default>(values: &[T], index: usize) -> T {
    debug_assert!(index < values.len());
    values.get(index).copied().unwrap_or_default()
}

/// Replaces the value at `index`, which is in range.
pub(super) fn set_checked<T>(values: &mut [T], index: usize, value: T) {
    debug_assert!(index < values.len());
    if let Some(slot) = values.get_mut(index) {
        *slot = value;
    }
}
