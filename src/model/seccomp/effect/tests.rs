use proptest::prelude::*;

use super::*;
use crate::abi::arch::Arch;
use crate::abi::syscall;
use crate::model::bpf::Instruction;

const X86_64: u32 = 0xc000_003e;

/// What the kernel's own interpreter of classic BPF does, in the simplest way: one call, all arguments known.
fn run(program: &Program, data: &[u32; 16]) -> u32 {
    let (mut a, mut x, mut memory, mut pc) = (0_u32, 0_u32, [0_u32; 16], 0_usize);
    loop {
        let Instruction { code, jt, jf, k } = program.0[pc];
        pc += 1;
        let index = k as usize;
        let jump = |yes: bool| usize::from(if yes { jt } else { jf });
        match code {
            0x00 => a = k,
            0x01 => x = k,
            0x20 => a = data[index / 4],
            0x60 => a = memory[index],
            0x61 => x = memory[index],
            0x80 => a = 64,
            0x81 => x = 64,
            0x02 => memory[index] = a,
            0x03 => memory[index] = x,
            0x04 => a = a.wrapping_add(k),
            0x0c => a = a.wrapping_add(x),
            0x14 => a = a.wrapping_sub(k),
            0x1c => a = a.wrapping_sub(x),
            0x24 => a = a.wrapping_mul(k),
            0x2c => a = a.wrapping_mul(x),
            0x34 => a /= k,
            0x3c if x == 0 => return 0,
            0x3c => a /= x,
            0x44 => a |= k,
            0x4c => a |= x,
            0x54 => a &= k,
            0x5c => a &= x,
            0x64 => a <<= k,
            0x6c => a <<= x & 31,
            0x74 => a >>= k,
            0x7c => a >>= x & 31,
            0x84 => a = a.wrapping_neg(),
            0xa4 => a ^= k,
            0xac => a ^= x,
            0x05 => pc += index,
            0x15 => pc += jump(a == k),
            0x1d => pc += jump(a == x),
            0x25 => pc += jump(a > k),
            0x2d => pc += jump(a > x),
            0x35 => pc += jump(a >= k),
            0x3d => pc += jump(a >= x),
            0x45 => pc += jump(a & k != 0),
            0x4d => pc += jump(a & x != 0),
            0x06 => return k,
            0x16 => return a,
            0x07 => x = a,
            0x87 => a = x,
            _ => panic!("{code:#x}"),
        }
    }
}

fn program(instructions: &[(u16, u8, u8, u32)]) -> Program {
    Program(instructions.iter().map(|&(code, jt, jf, k)| Instruction { code, jt, jf, k }).collect())
}

fn answers_of(program: &Program, number: u32, arch: u32) -> Answers {
    let operations: Vec<Operation> = program.operations().collect();
    answers(&operations, number, arch, &mut Budget::of(10_000_000)).unwrap()
}

fn effects(program: &Program) -> Option<Arc<[Effect]>> {
    let calls = Calls::of(syscall::abis(Arch::X86_64, false), std::iter::once(program));
    of(program, &calls, &mut Budget::of(10_000_000))
}

/// Numbers that programs are likely to compare with.
fn constant() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..6, Just(X86_64), Just(0x7fff_0000), Just(0x5_0001), any::<u32>()]
}

/// Programs that the kernel accepts, except that they may read unwritten memory, which both sides here allow.
fn valid() -> impl Strategy<Value = Program> {
    let plain = prop::sample::select(vec![
        0x00_u16, 0x01, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x6c, 0x7c, 0x84, 0xa4, 0xac,
        0x07, 0x87, 0x80, 0x81, 0x06, 0x16,
    ]);
    let branch = prop::sample::select(vec![0x15_u16, 0x1d, 0x25, 0x2d, 0x35, 0x3d, 0x45, 0x4d]);
    let instruction = prop_oneof![
        3 => (plain, constant()).prop_map(|(code, k)| (code, 0, 0, k)),
        3 => (0_u32..16).prop_map(|word| (0x20, 0, 0, word * 4)),
        2 => (prop::sample::select(vec![0x02_u16, 0x03, 0x60, 0x61]), 0_u32..3).prop_map(|(code, k)| (code, 0, 0, k)),
        1 => (prop::sample::select(vec![0x64_u16, 0x74, 0x34]), 1_u32..32).prop_map(|(code, k)| (code, 0, 0, k)),
        4 => (branch, 0_u8..6, 0_u8..6, constant()),
        1 => (0_u32..5).prop_map(|distance| (0x05, 0, 0, distance)),
    ];
    prop::collection::vec(instruction, 1..40).prop_map(|mut instructions| {
        // Memory words are written first, and jumps end at the answer at the latest.
        let mut all = vec![(0x02, 0, 0, 0), (0x02, 0, 0, 1), (0x02, 0, 0, 2)];
        all.append(&mut instructions);
        let last = all.len();
        for (at, (code, jt, jf, k)) in all.iter_mut().enumerate() {
            let room = u8::try_from(last - at - 1).unwrap_or(u8::MAX);
            if *code & 7 == 5 {
                (*jt, *jf) = ((*jt).min(room), (*jf).min(room));
                if *code == 0x05 {
                    *k = (*k).min(room.into());
                }
            }
        }
        all.push((0x06, 0, 0, 0x7fff_0000));
        program(&all)
    })
}

proptest! {
    #[test]
    fn what_a_program_answers_is_among_what_was_found(
        program in valid(),
        number in constant(),
        arch in prop_oneof![Just(X86_64), any::<u32>()],
        rest in prop::array::uniform14(constant()),
    ) {
        prop_assert_eq!(check(&program), Ok(()));
        let mut data = [0; 16];
        data[..2].copy_from_slice(&[number, arch]);
        data[2..].copy_from_slice(&rest);
        let answer = run(&program, &data);
        let found = answers_of(&program, number, arch);
        prop_assert!(found.contains(&Some(answer)) || found.contains(&None), "{answer:#x} is not among {found:x?}");
        let asks_for_arguments = program.0.iter().any(|i| i.code == 0x20 && i.k >= 8);
        if !asks_for_arguments {
            prop_assert_eq!(found, Answers::from([Some(answer)]), "nothing is unknown");
        }
    }

    #[test]
    fn any_bytes_are_followed_to_an_end(words in prop::collection::vec(any::<u64>(), 1..40)) {
        let _ = effects(&Program::from_words(&words));
    }
}

#[test]
fn calls_are_told_apart_by_number_architecture_and_arguments() {
    let filter = program(&[
        (0x20, 0, 0, 4),
        (0x15, 0, 6, X86_64),
        (0x20, 0, 0, 0),
        (0x15, 3, 0, 59),
        (0x15, 0, 4, 135),
        (0x20, 0, 0, 16),
        (0x15, 2, 0, 8),
        (0x06, 0, 0, 0x0005_0001),
        (0x06, 0, 0, 0x8000_0000),
        (0x06, 0, 0, 0x7fff_0000),
    ]);
    let effects = effects(&filter).unwrap();
    let names: Vec<_> = effects.iter().map(|effect| effect.abi.map(|abi| abi.name)).collect();
    assert_eq!(names, [Some("x86_64"), Some("i386"), Some("x32"), None]);
    let answer = |effect: usize, name: &str| {
        let call = effects[effect].calls.iter().find(|(_, n, _)| *n == Some(name)).unwrap();
        call.2.iter().copied().collect::<Vec<_>>()
    };
    assert_eq!(answer(0, "execve"), [Some(0x0005_0001)]);
    assert_eq!(answer(0, "personality"), [Some(0x0005_0001), Some(0x7fff_0000)], "by its argument");
    assert_eq!(answer(0, "read"), [Some(0x7fff_0000)]);
    assert_eq!(answer(1, "execve"), [Some(0x8000_0000)], "32-bit programs are killed");
    assert_eq!(answer(2, "execve"), [Some(0x7fff_0000)], "x32 has the same architecture and another number");
    assert_eq!(effects[0].others, Answers::from([Some(0x7fff_0000)]));
    assert_eq!(effects[3].others, Answers::from([Some(0x8000_0000)]));
}

#[test]
fn the_strictest_of_several_filters_counts() {
    let answer = |k| effects(&program(&[(0x06, 0, 0, k)])).unwrap();
    let (allow, refuse, kill) = (answer(0x7fff_0000), answer(0x0005_0001), answer(0x8000_0000));
    let together = |before: &[Effect], after: &[Effect]| {
        both(before, after, &mut Budget::of(1_000_000)).unwrap()[0].others.clone()
    };
    assert_eq!(together(&allow, &refuse), Answers::from([Some(0x0005_0001)]));
    assert_eq!(together(&kill, &refuse), Answers::from([Some(0x8000_0000)]), "the whole process is the strictest");
    assert_eq!(together(&refuse, &answer(0x0005_0026)), Answers::from([Some(0x0005_0026)]), "the last of equals");
}

#[test]
fn what_the_kernel_would_not_take_is_not_followed() {
    assert!(effects(&program(&[(0x28, 0, 0, 0), (0x06, 0, 0, 0)])).is_none(), "half a word");
    assert!(effects(&program(&[(0x20, 0, 0, 64), (0x06, 0, 0, 0)])).is_none(), "beyond the data");
    assert!(effects(&program(&[(0x94, 0, 0, 3), (0x06, 0, 0, 0)])).is_none(), "a rest of a division");
    assert!(effects(&program(&[(0x06, 0, 0, 0), (0x00, 0, 0, 0)])).is_none(), "no end");
}

#[test]
fn following_is_bounded() {
    // Every branch doubles the paths, but not what is remembered of them.
    let mut instructions = Vec::new();
    for word in 0..1000_u32 {
        let argument = 16 + word % 12 * 4;
        instructions.extend([(0x20, 0, 0, argument), (0x15, 0, 1, 1), (0x02, 0, 0, word % 16)]);
    }
    instructions.push((0x16, 0, 0, 0));
    let filter = program(&instructions);
    assert!(answers_of(&filter, 0, X86_64).contains(&None));
    let calls = Calls::of(syscall::abis(Arch::X86_64, false), std::iter::once(&filter));
    let mut budget = Budget(100_000);
    assert!(of(&filter, &calls, &mut budget).is_none() && budget.is_spent());
}
