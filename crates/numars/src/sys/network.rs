//! The network device by which packets to a host leave.
//!
//! References: getaddrinfo(3), rtnetlink(7), netdevice(7).

use super::errno;
use core::ffi::{CStr, c_char, c_int, c_long};
use core::ptr::{null, null_mut};
use core::slice;

/// Makes a system call; what the kernel writes to lies on the stack of the calling function.
macro_rules! system_call {
    ($number:ident $(, $argument:expr)*) => {
        libc::syscall(libc::$number $(, $argument)*)
    };
}

/// The name of a network device, padded with zeros.
pub type Interface = [u8; libc::IFNAMSIZ];

/// Why there is no network device for a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreachable {
    /// There is no such host.
    NoHost,
    /// There is no route to any of its addresses, or the kernel cannot be asked for one.
    NoRoute,
}

/// Returns the network device by which packets to `host`, a name or an address, leave. Nothing is sent to the host; resolving a
/// name may ask a name server. Errno is left untouched.
pub fn route_interface(host: &CStr) -> Result<Interface, Unreachable> {
    errno::preserve_errno(|| with_addresses(host, interface_of_route))
}

type GetAddrInfo =
    unsafe extern "C" fn(*const c_char, *const c_char, *const libc::addrinfo, *mut *mut libc::addrinfo) -> c_int;

/// Returns getaddrinfo(3), if the program has it: in a statically linked program it would not work, and the archive has only a weak reference
/// to it.
fn getaddrinfo() -> Option<GetAddrInfo> {
    static REFERENCE: Option<GetAddrInfo> = Some(libc::getaddrinfo);
    // SAFETY: the static above. Volatile, because the linker may leave NULL there.
    unsafe { (&raw const REFERENCE).read_volatile() }
}

/// Calls `each` with the family and the sockaddr(3type) of each address of `host`, until it returns a value.
fn with_addresses<T>(host: &CStr, each: fn(c_int, &[u8]) -> Option<T>) -> Result<T, Unreachable> {
    let resolve = getaddrinfo().ok_or(Unreachable::NoHost)?;
    let mut list = null_mut();
    // SAFETY: an addrinfo may be all zeros; the strings are NUL-terminated or NULL, and `list` is writable.
    unsafe {
        // For an address, no name server is asked, and no lock of libc's is taken, which might be held in the child of a threaded process.
        let mut address: libc::addrinfo = core::mem::zeroed();
        address.ai_flags = libc::AI_NUMERICHOST;
        let mut resolves = |hints| resolve(host.as_ptr(), null(), hints, &mut list) == 0;
        if !resolves(&raw const address) && !resolves(null()) {
            return Err(Unreachable::NoHost);
        }
    }
    let (mut result, mut entry) = (None, list);
    // SAFETY: the list ends with NULL, an address is as long as it says, and the list is freed once, after its last use.
    unsafe {
        while result.is_none() && !entry.is_null() {
            let address = slice::from_raw_parts((*entry).ai_addr.cast::<u8>(), (*entry).ai_addrlen as usize);
            result = each((*entry).ai_family, address);
            entry = (*entry).ai_next;
        }
        libc::freeaddrinfo(list);
    }
    result.ok_or(Unreachable::NoRoute)
}

/// A request for a route, as rtnetlink(7) has it: the headers, and one attribute with the address.
#[repr(C)]
struct RouteRequest {
    length: u32,
    kind: u16,
    flags: u16,
    sequence: u32,
    port: u32,
    family: u8,
    address_bits: u8,
    others: [u8; 10],
    attribute_length: u16,
    attribute: u16,
    address: [u8; 16],
}

/// The length of a message's two headers, before its attributes.
const HEADERS: usize = 28;

/// The attribute with the number of the network device.
const RTA_OIF: u16 = 4;

/// Returns the network device by which packets to an address leave, as the kernel says.
fn interface_of_route(family: c_int, address: &[u8]) -> Option<Interface> {
    let address = match family {
        libc::AF_INET => address.get(4..8)?,
        libc::AF_INET6 => address.get(8..24)?,
        _ => return None,
    };
    let attribute_length = 4 + address.len();
    let mut request = RouteRequest {
        length: (HEADERS + attribute_length) as u32,
        kind: libc::RTM_GETROUTE,
        flags: libc::NLM_F_REQUEST as u16,
        sequence: 0,
        port: 0,
        family: family as u8,
        address_bits: 8 * address.len() as u8,
        others: [0; 10],
        attribute_length: attribute_length as u16,
        attribute: libc::RTA_DST,
        address: [0; 16],
    };
    for (to, &from) in request.address.iter_mut().zip(address) {
        *to = from;
    }
    let mut reply = [0u8; 1024];
    // SAFETY: each buffer is as long as the kernel is told, an ifreq may be all zeros, and the descriptor is closed once.
    unsafe {
        let socket =
            system_call!(SYS_socket, libc::AF_NETLINK, libc::SOCK_RAW | libc::SOCK_CLOEXEC, libc::NETLINK_ROUTE);
        if socket < 0 {
            return None;
        }
        let none = null::<u8>();
        system_call!(SYS_sendto, socket, &raw const request, request.length as usize, 0, none, 0);
        // The reply is there when the first call returns; if that failed, there is nothing to wait for.
        let got = system_call!(SYS_recvfrom, socket, reply.as_mut_ptr(), reply.len(), libc::MSG_DONTWAIT, none, none);
        let mut interface = None;
        if let Some(index) = reply.get(..usize::try_from(got).unwrap_or(0)).and_then(output_interface) {
            let mut name: libc::ifreq = core::mem::zeroed();
            name.ifr_ifru.ifru_ifindex = index;
            if system_call!(SYS_ioctl, socket, libc::SIOCGIFNAME as c_long, &raw mut name) == 0 {
                interface = Some(name.ifr_name.map(|byte| byte as u8));
            }
        }
        system_call!(SYS_close, socket);
        interface
    }
}

/// Returns the number of the network device in the reply to a [`RouteRequest`].
fn output_interface(reply: &[u8]) -> Option<c_int> {
    if reply.get(4..6)? != libc::RTM_NEWROUTE.to_ne_bytes() {
        return None;
    }
    let mut attributes = reply.get(HEADERS..)?;
    loop {
        let &[length_0, length_1, kind_0, kind_1, ..] = attributes else { return None };
        let length = usize::from(u16::from_ne_bytes([length_0, length_1]));
        if u16::from_ne_bytes([kind_0, kind_1]) == RTA_OIF {
            return Some(c_int::from_ne_bytes(*attributes.get(4..)?.first_chunk()?));
        }
        attributes = attributes.get(length.max(4).next_multiple_of(4)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::testing::loopback_is_up;

    #[test]
    fn packets_to_this_machine_go_by_the_loopback_device_if_it_is_up() {
        if !loopback_is_up() {
            return assert_eq!(route_interface(c"127.0.0.1"), Err(Unreachable::NoRoute));
        }
        let lo = *b"lo\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        assert_eq!(route_interface(c"127.0.0.1"), Ok(lo));
        assert_eq!(route_interface(c"localhost"), Ok(lo));
        assert_eq!(route_interface(c"::1").unwrap_or(lo), lo);
    }

    #[test]
    fn an_invalid_host_has_no_network_device() {
        assert_eq!(route_interface(c""), Err(Unreachable::NoHost));
        assert_eq!(route_interface(c"256.0.0.1"), Err(Unreachable::NoHost));
        assert_eq!(route_interface(c"a b"), Err(Unreachable::NoHost));
    }

    #[test]
    fn a_reply_that_ends_early_names_no_network_device() {
        let mut reply = [0u8; HEADERS + 16];
        reply[4..6].copy_from_slice(&libc::RTM_NEWROUTE.to_ne_bytes());
        let mut set = |offset, value: u16| reply[HEADERS + offset..][..2].copy_from_slice(&value.to_ne_bytes());
        set(0, 5);
        set(8, 8);
        set(10, RTA_OIF);
        reply[HEADERS + 12..].copy_from_slice(&7u32.to_ne_bytes());
        assert_eq!(output_interface(&reply), Some(7));
        for length in 0..reply.len() {
            assert_eq!(output_interface(&reply[..length]), None, "{length}");
        }
        reply[4] ^= 1;
        assert_eq!(output_interface(&reply), None);
    }
}
