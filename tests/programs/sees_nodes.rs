//! A Rust program that uses libnuma's interface as a C library: it prints the nodes of a list, and where a page of its own is.
use std::ffi::CString;
use std::os::raw::{c_char, c_int, c_uint, c_ulong, c_void};

#[repr(C)]
struct Bitmask {
    size: c_ulong,
    maskp: *mut c_ulong,
}

#[link(name = "numa")]
extern "C" {
    fn numa_available() -> c_int;
    fn numa_parse_nodestring_all(list: *const c_char) -> *mut Bitmask;
    fn numa_bitmask_isbitset(mask: *const Bitmask, bit: c_uint) -> c_int;
    fn numa_bitmask_free(mask: *mut Bitmask);
    fn numa_move_pages(pid: c_int, count: c_ulong, pages: *mut *mut c_void, nodes: *const c_int, status: *mut c_int, flags: c_int) -> c_int;
}

fn main() {
    let list = CString::new("0").unwrap();
    let mut value = Box::new(1u64);
    let (mut page, mut status) = ((&mut *value as *mut u64).cast::<c_void>(), -1);
    // SAFETY: the arguments are those that numa(3) describes; the bitmask is not used after it is freed.
    let moved = unsafe {
        assert_eq!(numa_available(), 0, "there is no NUMA here");
        let nodes = numa_parse_nodestring_all(list.as_ptr());
        assert!(!nodes.is_null());
        println!("node 0: {}", numa_bitmask_isbitset(nodes, 0));
        numa_bitmask_free(nodes);
        numa_move_pages(0, 1, &mut page, std::ptr::null(), &mut status, 0)
    };
    println!("returned {}, on node {}", moved, status);
}
