//! What the fuzz targets in fuzz/ do, and the tests repeat with the inputs in fuzz/seeds: a function for each target, which takes any
//! bytes and panics if the library does not do what a simple model of it does. No part of the library.

mod bitmask;
mod interface;
mod nodestring;

pub use crate::migrate::fuzzing::{move_list, page_walk};
pub use crate::topology::fuzzing::{kernel_files, status_fields};
pub use bitmask::bitmask;
pub use interface::interface;
pub use nodestring::nodestring;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Hands `target` every input in its folder.
    fn replay(name: &str, target: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(name);
        let inputs: Vec<_> = folder.read_dir().unwrap().map(|input| input.unwrap().path()).collect();
        assert!(inputs.len() >= 5, "{} inputs in {}", inputs.len(), folder.display());
        // Miri takes minutes for a few.
        for input in inputs.into_iter().take(if cfg!(miri) { 5 } else { usize::MAX }) {
            // Seen if the test fails.
            println!("{}", input.display());
            target(&std::fs::read(input).unwrap());
        }
    }

    /// A test for each target.
    macro_rules! replay {
        ($($(#[$attribute:meta])* $test:ident: $target:ident,)*) => {$(
            #[test]
            $(#[$attribute])*
            fn $test() {
                replay(stringify!($target), super::$target);
            }
        )*};
    }

    // Miri knows no files in memory, and no strtol(3).
    replay! {
        bit_sets_do_what_single_bits_do: bitmask,
        #[cfg_attr(miri, ignore)]
        the_types_at_the_root_do_not_panic: interface,
        fields_are_found_however_a_text_is_cut: status_fields,
        #[cfg_attr(miri, ignore)]
        files_of_the_machine_are_read_as_simple_readers_read_them: kernel_files,
        #[cfg_attr(miri, ignore)]
        node_strings_are_read_as_strtol_reads_them: nodestring,
        lists_of_pages_are_moved_and_reported_truly: move_list,
        #[cfg_attr(miri, ignore)]
        ranges_are_listed_as_the_files_of_a_process_say: page_walk,
    }
}
