//! A container whose seccomp filter forbids the calls of memory policy, as Docker's does by default.

use numars::{
    Errno, MapOptions, Mapping, Move, Node, Policy, Process, Support, Topology, bind_thread, node_of, thread_cpus,
};

/// Lets the calls of memory policy fail with EPERM in the calling thread, until it ends.
fn forbid_policy() {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let mut filter = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0)];
    let calls = [
        libc::SYS_get_mempolicy,
        libc::SYS_set_mempolicy,
        libc::SYS_mbind,
        libc::SYS_move_pages,
        libc::SYS_migrate_pages,
    ];
    for (index, call) in calls.into_iter().enumerate() {
        // To the last statement, if it is that call.
        let jump = statement(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, call as u32);
        filter.push(libc::sock_filter { jt: (calls.len() - index) as u8, ..jump });
    }
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW));
    filter.push(statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32));
    let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_mut_ptr() };
    // SAFETY: the kernel copies the program.
    let set = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(set, "{}", std::io::Error::last_os_error());
}

#[test]
fn where_policy_is_forbidden_the_topology_is_known_and_policy_calls_are_eperm() {
    let before = Topology::read().unwrap();
    let first = before.allowed_nodes().first().unwrap();
    std::thread::spawn(move || {
        forbid_policy();

        let topology = Topology::read().unwrap();
        assert_eq!((topology.nodes(), topology.allowed_nodes()), (before.nodes(), before.allowed_nodes()));
        assert_eq!(topology.cpus().unwrap(), before.cpus().unwrap());
        assert_eq!(thread_cpus().unwrap(), before.allowed_cpus().unwrap());
        let support = Support::query();
        assert!(!support.policy() && !support.move_pages() && !support.preferred_many());

        let eperm =
            |result: Result<(), numars::SyscallError>| assert_eq!(result.map_err(Errno::from), Err(Errno::EPERM));
        eperm(Policy::of_thread().map(drop));
        eperm(Policy::bind(first.into()).set_for_thread());
        eperm(Policy::LOCAL.scoped().map(drop));
        eperm(bind_thread(first.into()));
        assert_eq!(thread_cpus().unwrap(), before.allowed_cpus().unwrap(), "nothing has changed");
        assert_eq!(Mapping::on_node(1 << 20, first).err(), Some(Errno::EPERM));

        // Memory without a policy needs none of the calls.
        let mut memory = MapOptions::new().populate(true).map(1 << 20).unwrap();
        memory.fill(1);
        assert_eq!(node_of(&memory[..]), Err(Errno::EPERM));
        let error = Move::new().memory(&memory, Node::new(0).unwrap()).unwrap_err();
        assert_eq!((error.errno(), error.stats().moved()), (Errno::EPERM, 0));
        assert_eq!(Process::CURRENT.count_pages(0, 1 << 20, &mut []), Err(Errno::EPERM));
        assert!(memory.iter().all(|&byte| byte == 1));
    })
    .join()
    .unwrap();
}
