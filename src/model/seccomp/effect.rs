//! What a filter does with each call. The call's number and the architecture are known, its arguments are not: where a
//! program tests them, both branches are followed. So a result holds for all arguments, and if several answers are
//! found, the arguments decide.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use crate::abi::seccomp::{DATA_ARCH, DATA_NUMBER, DATA_SIZE, strictness};
use crate::abi::syscall::{Abi, X32_BIT};
use crate::int::{u64_of, usize_of};
use crate::model::bpf::{AddressMode, Arithmetic, MEMORY_WORDS, Operand, Operation, Program, Register, Test};

/// Most states kept apart at one instruction. Further states are merged into what is certain in all of them.
const MOST_STATES: usize = 16;
/// Remaining budget for following filters.
#[derive(Debug)]
pub(super) struct Budget(u64);

impl Budget {
    /// A budget of `steps` for all filters of a dump.
    pub(super) fn of(steps: u64) -> Self {
        Budget(steps)
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }

    /// Charges for keeping the answers to a call, so that steps bound memory too.
    fn keep(&mut self, answers: usize) -> Option<()> {
        const EACH: u64 = 100;
        self.0 = self.0.checked_sub(EACH.saturating_mul(u64_of(answers))).or_else(|| {
            self.0 = 0;
            None
        })?;
        Some(())
    }

    /// Takes one step, if one is left.
    fn step(&mut self) -> Option<()> {
        self.0 = self.0.checked_sub(1)?;
        Some(())
    }
}

/// The answers that a call can get. `None` is an answer that depends on the arguments in an unknown way.
pub type Answers = BTreeSet<Option<u32>>;

/// What filters do with the calls of one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// The architecture; `None` for all that the machine does not run.
    pub abi: Option<Abi>,
    /// Answers to each call that has a name, or that a filter treats differently from unnamed ones, by number.
    pub calls: Vec<(u32, Option<&'static str>, Answers)>,
    /// Answers to all other numbers.
    pub others: Answers,
}

/// The calls to follow programs for.
#[derive(Debug)]
pub struct Calls {
    abis: Vec<OfAbi>,
    foreign: u32,
}

/// The calls of one architecture, and the number that stands for all others.
#[derive(Debug)]
struct OfAbi {
    abi: Abi,
    calls: Vec<(u32, Option<&'static str>)>,
    other: u32,
}

impl Calls {
    /// All calls with names and all numbers that programs mention. For each architecture, an unused number stands for
    /// all others; an unused architecture stands for all that the machine does not run.
    pub(super) fn of<'p>(abis: &[Abi], programs: impl Iterator<Item = &'p Program>) -> Self {
        /// Call numbers are far below this.
        const HIGHEST_OTHER: u32 = 0x0fff_ffff;
        /// `EM_NONE`, little-endian, 64 bits.
        const FOREIGN: u32 = 0xc000_0000;
        let constants: HashSet<u32> = programs.flat_map(|p| p.0.iter().map(|instruction| instruction.k)).collect();
        let unnamed = |base: u32| {
            let mut numbers = (0..=HIGHEST_OTHER).rev().map(|number| number | base);
            numbers.find(|number| !constants.contains(number)).unwrap_or(base | HIGHEST_OTHER)
        };
        let abis = abis.iter().map(|&abi| {
            let named: Vec<(u32, &'static str)> = abi.calls().collect();
            let is_named: HashSet<u32> = named.iter().map(|&(number, _)| number).collect();
            // Programs compare with the number itself, or with the one after the end of a range.
            let extra = constants.iter().flat_map(|&k| [k, k.saturating_add(1)]);
            let fits = |number: &u32| {
                !is_named.contains(number) && number & X32_BIT == abi.base && number & !X32_BIT <= 0xffff
            };
            let extra: BTreeSet<u32> = extra.filter(fits).collect();
            let mut all: Vec<(u32, Option<&'static str>)> = named.iter().map(|&(n, name)| (n, Some(name))).collect();
            all.extend(extra.into_iter().map(|number| (number, None)));
            all.sort_unstable();
            OfAbi { abi, calls: all, other: unnamed(abi.base) }
        });
        let mut foreign = (FOREIGN..=u32::MAX).filter(|arch| !constants.contains(arch));
        Calls { abis: abis.collect(), foreign: foreign.next().unwrap_or(FOREIGN) }
    }
}

/// Checks whether the kernel would accept a program as a system call filter, and returns what is wrong.
pub(super) fn check(program: &Program) -> Result<(), String> {
    program.check().map_err(|error| error.to_string())?;
    for (at, operation) in program.operations().enumerate() {
        let is_allowed = match operation {
            Operation::Load(_, 4, AddressMode::Data(offset)) => offset % 4 == 0 && offset < DATA_SIZE,
            Operation::Load(_, 4, AddressMode::Number(_) | AddressMode::Memory(_) | AddressMode::Length) => true,
            Operation::Load(..) | Operation::Arithmetic(Arithmetic::Mod, _) => false,
            _ => true,
        };
        if !is_allowed {
            return Err(format!("instruction {at} is not allowed in a system call filter"));
        }
    }
    Ok(())
}

/// What a program does. `None` if the kernel would not accept it, or if it takes more steps than are left.
pub(super) fn of(program: &Program, calls: &Calls, budget: &mut Budget) -> Option<Arc<[Effect]>> {
    check(program).ok()?;
    let operations: Vec<Operation> = program.operations().collect();
    let mut effects = Vec::new();
    for OfAbi { abi, calls: numbers, other } in &calls.abis {
        let others = answers(&operations, *other, abi.audit, budget)?;
        let mut all = Vec::with_capacity(numbers.len());
        for &(number, name) in numbers {
            let answers = answers(&operations, number, abi.audit, budget)?;
            budget.keep(answers.len())?;
            all.push((number, name, answers));
        }
        effects.push(Effect { abi: Some(*abi), calls: all, others });
    }
    let others = answers(&operations, 0, calls.foreign, budget)?;
    effects.push(Effect { abi: None, calls: Vec::new(), others });
    Some(effects.into())
}

/// What two filters do together. The kernel asks all of them and takes the strictest answer, or the one installed last
/// if several are equally strict. `None` if this takes more steps than are left.
pub(super) fn both(before: &[Effect], after: &[Effect], budget: &mut Budget) -> Option<Arc<[Effect]>> {
    let mut together = |before: &Answers, after: &Answers| {
        budget.keep(before.len().saturating_mul(after.len()))?;
        let pairs = before.iter().flat_map(|&b| after.iter().map(move |&a| stricter(b, a)));
        Some(pairs.collect::<Answers>())
    };
    let effects = before.iter().zip(after).map(|(before, after)| {
        let calls = before.calls.iter().zip(&after.calls);
        Some(Effect {
            abi: after.abi,
            calls: calls
                .map(|((_, _, b), (number, name, a))| Some((*number, *name, together(b, a)?)))
                .collect::<Option<_>>()?,
            others: together(&before.others, &after.others)?,
        })
    });
    effects.collect()
}

fn stricter(before: Option<u32>, after: Option<u32>) -> Option<u32> {
    let (before, after) = (before?, after?);
    Some(if strictness(before) < strictness(after) { before } else { after })
}

/// What is certain when an instruction is reached; `None` means any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    a: Option<u32>,
    x: Option<u32>,
    memory: [Option<u32>; MEMORY_WORDS],
}

impl State {
    /// Keeps what is certain in both states.
    fn merge(&mut self, other: &State) {
        let same = |mine: &mut Option<u32>, other: Option<u32>| *mine = mine.filter(|_| *mine == other);
        same(&mut self.a, other.a);
        same(&mut self.x, other.x);
        for (mine, &other) in self.memory.iter_mut().zip(&other.memory) {
            same(mine, other);
        }
    }

    fn operand(&self, operand: Operand) -> Option<u32> {
        match operand {
            Operand::Number(number) => Some(number),
            Operand::X => self.x,
            Operand::A => self.a,
        }
    }

    fn set(&mut self, register: Register, value: Option<u32>) {
        match register {
            Register::A => self.a = value,
            Register::X => self.x = value,
        }
    }

    fn load(&self, mode: AddressMode, number: u32, arch: u32) -> Option<u32> {
        match mode {
            AddressMode::Number(number) => Some(number),
            AddressMode::Data(DATA_NUMBER) => Some(number),
            AddressMode::Data(DATA_ARCH) => Some(arch),
            AddressMode::Length => Some(DATA_SIZE),
            AddressMode::Memory(word) => *self.memory.get(usize_of(word.into()))?,
            AddressMode::Data(_) | AddressMode::Indexed(_) | AddressMode::HeaderLength(_) => None,
        }
    }
}

/// The next instruction of a program.
enum Next {
    /// At this instruction.
    At(usize),
    /// Either of these: the first with this in the accumulator, if it is known, the second in the state as it is. A whole
    /// state would be copied at each instruction.
    Either(usize, usize, Option<u32>),
    /// The end of the program.
    End,
}

/// The answers of a checked program to one call, whatever its arguments. Jumps only lead forward, so one pass over the
/// instructions follows all branches.
fn answers(operations: &[Operation], number: u32, arch: u32, budget: &mut Budget) -> Option<Answers> {
    let mut answers = Answers::new();
    // The kernel clears both registers before a program runs, and a program cannot read memory that it has not written.
    let mut state = State { a: Some(0), x: Some(0), memory: [None; MEMORY_WORDS] };
    let mut at = 0;
    let mut waiting: BTreeMap<usize, Vec<State>> = BTreeMap::new();
    loop {
        budget.step()?;
        let next = step(&mut state, *operations.get(at)?, at, (number, arch), &mut answers)?;
        match next {
            // There is only one branch left.
            Next::At(next) if waiting.is_empty() => {
                at = next;
                continue;
            }
            Next::At(next) => reach(&mut waiting, next, state),
            Next::Either(first, second, equal) => {
                reach(&mut waiting, first, State { a: equal.or(state.a), ..state });
                reach(&mut waiting, second, state);
            }
            Next::End => {}
        }
        // Instructions are reached only from earlier ones, so the first waiting one is complete.
        let Some(mut first) = waiting.first_entry() else { return Some(answers) };
        at = *first.key();
        match first.get_mut().pop() {
            Some(last) => state = last,
            None => return None,
        }
        if first.get().is_empty() {
            first.remove();
        }
    }
}

/// Executes one instruction. `None` if it does not occur in checked programs.
fn step(
    state: &mut State,
    operation: Operation,
    at: usize,
    (number, arch): (u32, u32),
    answers: &mut Answers,
) -> Option<Next> {
    match operation {
        Operation::Load(register, _, source) => state.set(register, state.load(source, number, arch)),
        Operation::Store(register, word) => {
            let value = if register == Register::A { state.a } else { state.x };
            *state.memory.get_mut(usize_of(word.into()))? = value;
        }
        Operation::Arithmetic(arithmetic, operand) => {
            let operand = state.operand(operand);
            let divides = matches!(arithmetic, Arithmetic::Div | Arithmetic::Mod);
            if divides && operand.is_none_or(|operand| operand == 0) {
                answers.insert(Some(0));
                if operand == Some(0) {
                    return Some(Next::End);
                }
            }
            state.a = state.a.zip(operand).and_then(|(a, operand)| arithmetic.of(a, operand));
        }
        Operation::Negate => state.a = state.a.map(u32::wrapping_neg),
        Operation::ToIndex => state.x = state.a,
        Operation::ToAccumulator => state.a = state.x,
        Operation::Jump(target) => return Some(Next::At(usize_of(target))),
        Operation::Branch(test, operand, when, otherwise) => {
            let (when, otherwise) = (usize_of(when), usize_of(otherwise));
            let operand = state.operand(operand);
            return Some(match state.a.zip(operand).map(|(a, operand)| test.holds(a, operand)) {
                Some(true) => Next::At(when),
                Some(false) => Next::At(otherwise),
                None => Next::Either(when, otherwise, operand.filter(|_| test == Test::Equal)),
            });
        }
        Operation::Return(operand) => {
            answers.insert(state.operand(operand));
            return Some(Next::End);
        }
        Operation::Unknown => return None,
    }
    Some(Next::At(at.saturating_add(1)))
}

/// Records that an instruction is reached in a state.
fn reach(waiting: &mut BTreeMap<usize, Vec<State>>, at: usize, state: State) {
    let states = waiting.entry(at).or_default();
    if states.contains(&state) {
        return;
    }
    if states.len() < MOST_STATES {
        states.push(state);
    } else if let Some(last) = states.last_mut() {
        last.merge(&state);
    }
}

#[cfg(test)]
mod tests;
