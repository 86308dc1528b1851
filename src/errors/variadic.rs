//! How a C function passes its variable arguments on as a va_list.
//!
//! Rust cannot define a variadic function before 1.99, so numa_warn() is a naked function. Its body is
//! `pass_list_to!`, of which there is one form for each ABI: it stores the arguments that are in registers where
//! va_arg of that ABI expects them, and calls `$function` with the first two arguments and a pointer. Where a va_list
//! is an array (x86-64, arm64, s390x), the pointer is its address, as for a C function with a parameter of that type.
//! Elsewhere the pointer is the va_list: the address of the arguments, which are all in memory, one after the other.
//!
//! An ABI that is not here does not compile. A function that passed a few registers on would print floating-point
//! arguments wrongly, or take a part of a number for the address of a string.
//!
//! References: the System V ABIs of x86-64, i386, s390x and OpenPOWER (ELFv2), AAPCS64, AAPCS32, and the psABIs of
//! RISC-V and LoongArch.

#[cfg(not(any(
    all(target_arch = "x86_64", target_pointer_width = "64"),
    target_arch = "aarch64",
    target_arch = "riscv64",
    target_arch = "loongarch64",
    all(target_arch = "powerpc64", target_endian = "little"),
    target_arch = "s390x",
    target_arch = "arm",
    target_arch = "x86",
)))]
compile_error!(
    "numa_warn() is variadic: add to src/errors/variadic.rs how this machine's ABI passes variable arguments"
);

/// A save area for six integer and eight vector registers, of which the first two integers are the named arguments, and the va_list.
#[cfg(all(target_arch = "x86_64", target_pointer_width = "64"))]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "push rbp",
            ".cfi_def_cfa_offset 16",
            ".cfi_offset rbp, -16",
            "mov rbp, rsp",
            ".cfi_def_cfa_register rbp",
            "sub rsp, 208",
            "mov [rsp + 16], rdx",
            "mov [rsp + 24], rcx",
            "mov [rsp + 32], r8",
            "mov [rsp + 40], r9",
            "test al, al", // the number of vector registers in use
            "je 2f",
            "movaps [rsp + 48], xmm0",
            "movaps [rsp + 64], xmm1",
            "movaps [rsp + 80], xmm2",
            "movaps [rsp + 96], xmm3",
            "movaps [rsp + 112], xmm4",
            "movaps [rsp + 128], xmm5",
            "movaps [rsp + 144], xmm6",
            "movaps [rsp + 160], xmm7",
            "2:",
            "mov dword ptr [rsp + 176], 16", // gp_offset: after the two named arguments
            "mov dword ptr [rsp + 180], 48", // fp_offset
            "lea rax, [rbp + 16]",
            "mov [rsp + 184], rax", // overflow_arg_area
            "mov [rsp + 192], rsp", // reg_save_area
            "lea rdx, [rsp + 176]",
            "call {function}",
            "leave",
            ".cfi_def_cfa rsp, 8",
            "ret",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// All variable arguments are on the stack.
#[cfg(target_arch = "x86")]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "push ebp",
            ".cfi_def_cfa_offset 8",
            ".cfi_offset ebp, -8",
            "mov ebp, esp",
            ".cfi_def_cfa_register ebp",
            "lea eax, [ebp + 16]",
            "sub esp, 12", // the stack is aligned to 16 bytes after the three arguments
            "push eax",
            "push dword ptr [ebp + 12]",
            "push dword ptr [ebp + 8]",
            "call {function}",
            "leave",
            ".cfi_def_cfa esp, 4",
            "ret",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// The registers x2 to x7 and q0 to q7 above the va_list; the va_list has the ends of both groups, and negative offsets from there.
#[cfg(target_arch = "aarch64")]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            "hint #34", // bti c
            ".cfi_startproc",
            "stp x29, x30, [sp, #-224]!",
            ".cfi_def_cfa_offset 224",
            ".cfi_offset x29, -224",
            ".cfi_offset x30, -216",
            "mov x29, sp",
            "stp x2, x3, [sp, #48]",
            "stp x4, x5, [sp, #64]",
            "stp x6, x7, [sp, #80]",
            "stp q0, q1, [sp, #96]",
            "stp q2, q3, [sp, #128]",
            "stp q4, q5, [sp, #160]",
            "stp q6, q7, [sp, #192]",
            "add x8, sp, #224",
            "add x9, sp, #96",
            "stp x8, x9, [sp, #16]", // stack, gr_top
            "str x8, [sp, #32]",     // vr_top
            "mov w8, #-48",
            "mov w9, #-128",
            "stp w8, w9, [sp, #40]", // gr_offs, vr_offs
            "add x2, sp, #16",
            "bl {function}",
            "ldp x29, x30, [sp], #224",
            ".cfi_def_cfa_offset 0",
            ".cfi_restore x29",
            ".cfi_restore x30",
            "ret",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// The registers a2 to a7, which also have the floating-point arguments, immediately below the arguments on the stack.
#[cfg(target_arch = "riscv64")]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "addi sp, sp, -64",
            ".cfi_def_cfa_offset 64",
            "sd ra, 8(sp)",
            "sd s0, 0(sp)",
            ".cfi_offset ra, -56",
            ".cfi_offset s0, -64",
            "addi s0, sp, 16",
            "sd a2, 0(s0)",
            "sd a3, 8(s0)",
            "sd a4, 16(s0)",
            "sd a5, 24(s0)",
            "sd a6, 32(s0)",
            "sd a7, 40(s0)",
            "mv a2, s0",
            "call {function}",
            "ld ra, 8(sp)",
            "ld s0, 0(sp)",
            "addi sp, sp, 64",
            ".cfi_def_cfa_offset 0",
            ".cfi_restore ra",
            ".cfi_restore s0",
            "ret",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// As on RISC-V.
#[cfg(target_arch = "loongarch64")]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "addi.d $sp, $sp, -64",
            ".cfi_def_cfa_offset 64",
            "st.d $ra, $sp, 8",
            "st.d $fp, $sp, 0",
            ".cfi_offset 1, -56",  // ra
            ".cfi_offset 22, -64", // fp
            "addi.d $fp, $sp, 16",
            "st.d $a2, $fp, 0",
            "st.d $a3, $fp, 8",
            "st.d $a4, $fp, 16",
            "st.d $a5, $fp, 24",
            "st.d $a6, $fp, 32",
            "st.d $a7, $fp, 40",
            "move $a2, $fp",
            "bl {function}",
            "ld.d $ra, $sp, 8",
            "ld.d $fp, $sp, 0",
            "addi.d $sp, $sp, 64",
            ".cfi_def_cfa_offset 0",
            ".cfi_restore 1",
            ".cfi_restore 22",
            "ret",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// The registers r5 to r10, which also have the floating-point arguments, in the parameter save area that the caller of a variadic function
/// provides. The function has two entry points: callers in this library skip the instructions that set r2, the address of its TOC.
#[cfg(all(target_arch = "powerpc64", target_endian = "little"))]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "2:",
            "addis 2, 12, .TOC.-2b@ha",
            "addi 2, 2, .TOC.-2b@l",
            concat!(".localentry ", $this, ", . - 2b"),
            "mflr 0",
            "std 0, 16(1)",
            ".cfi_offset lr, 16",
            "std 5, 48(1)",
            "std 6, 56(1)",
            "std 7, 64(1)",
            "std 8, 72(1)",
            "std 9, 80(1)",
            "std 10, 88(1)",
            "addi 5, 1, 48",
            "stdu 1, -32(1)",
            ".cfi_def_cfa_offset 32",
            "bl {function}",
            "nop", // where the linker restores r2 if the called function has another TOC
            "addi 1, 1, 32",
            ".cfi_def_cfa_offset 0",
            "ld 0, 16(1)",
            "mtlr 0",
            ".cfi_restore lr",
            "blr",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// The registers r4 to r6 and f0, f2, f4 and f6 in the register save area that every caller provides, and the va_list.
#[cfg(target_arch = "s390x")]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".cfi_startproc", // the CFA is 160 bytes above r15
            "stmg %r4, %r15, 32(%r15)",
            ".cfi_offset %r14, -48",
            ".cfi_offset %r15, -40",
            "std %f0, 128(%r15)",
            "std %f2, 136(%r15)",
            "std %f4, 144(%r15)",
            "std %f6, 152(%r15)",
            "lgr %r1, %r15",
            "aghi %r15, -192",
            ".cfi_def_cfa_offset 352",
            "stg %r1, 0(%r15)", // the back chain
            "mvghi 160(%r15), 2", // general registers used by named arguments
            "mvghi 168(%r15), 0", // floating-point registers
            "la %r4, 160(%r1)",
            "stg %r4, 176(%r15)", // overflow_arg_area
            "stg %r1, 184(%r15)", // reg_save_area
            "la %r4, 160(%r15)",
            "brasl %r14, {function}",
            "lmg %r14, %r15, 304(%r15)",
            ".cfi_def_cfa_offset 160",
            ".cfi_restore %r14",
            ".cfi_restore %r15",
            "br %r14",
            ".cfi_endproc",
            function = sym $function,
        )
    };
}

/// The registers r2 and r3 immediately below the arguments on the stack. Variable arguments are passed as without floating-point registers.
#[cfg(target_arch = "arm")]
macro_rules! pass_list_to {
    ($function:ident, $this:literal) => {
        core::arch::naked_asm!(
            ".fnstart",
            // Any other directive would name a function of libgcc_s, which the library would need.
            ".cantunwind",
            "push {{r2, r3}}",
            "push {{r4, lr}}", // r4 aligns the stack
            "add r2, sp, #8",
            "bl {function}",
            "pop {{r4, lr}}",
            "add sp, sp, #8",
            "bx lr",
            ".fnend",
            function = sym $function,
        )
    };
}

pub(super) use pass_list_to;
