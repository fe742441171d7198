//! Signals: those waiting for each process and thread, and what processes do about them.

use std::collections::HashMap;

use super::ids::{Address, Pid, Tid};
use super::process::{Process, Thread};
use super::siginfo::{SIZE, Siginfo};
use super::{EngineFiles, Model};
use crate::abi::arch::Arch;
use crate::abi::signal;
use crate::images::proto::{SaEntry, SiginfoEntry};
use crate::images::{ByteOrder, Images, Kind};
use crate::warning::{Code, Place};

/// A set of signals. Bit n-1 is signal n.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SignalSet {
    /// Signals 1 to 64.
    pub low: u64,
    /// Signals 65 to 128, which only mips has.
    pub high: Option<u64>,
}

impl SignalSet {
    /// The set of the given signals.
    fn from_numbers(numbers: impl Iterator<Item = u32>, arch: Option<Arch>) -> Self {
        let mut set = SignalSet { low: 0, high: (arch == Some(Arch::Mips)).then_some(0) };
        for number in numbers {
            set.low |= signal::bit(number);
            set.high = set.high.map(|high| high | number.checked_sub(64).map_or(0, signal::bit));
        }
        set
    }
}

/// What a process does when a signal arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handler {
    /// The kernel's default action.
    Default,
    /// The signal is ignored.
    Ignore,
    /// This function is called.
    Function(Address),
}

/// The action that was set for a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Action {
    /// The signal.
    pub signal: u32,
    /// What happens.
    pub handler: Handler,
    /// `SA_*`.
    pub flags: u64,
    /// Signals blocked while the handler runs.
    pub mask: SignalSet,
    /// Address that the handler returns to; 0 if it was not set.
    pub restorer: u64,
    /// Whether a 32-bit program on a 64-bit machine set it.
    pub compat: bool,
}

impl Action {
    fn from_entry(signal: u32, entry: &SaEntry, arch: Option<Arch>) -> Self {
        let narrow = |address: u64| if arch.is_some_and(Arch::is_32_bit) { address & 0xffff_ffff } else { address };
        Action {
            signal,
            handler: match narrow(entry.sigaction()) {
                0 => Handler::Default,
                1 => Handler::Ignore,
                address => Handler::Function(Address(address)),
            },
            flags: entry.flags(),
            mask: SignalSet { low: entry.mask(), high: entry.mask_extended },
            restorer: narrow(entry.restorer()),
            compat: entry.compat_sigaction(),
        }
    }

    /// Whether the action is as if it had never been set.
    fn is_unset(&self) -> bool {
        self.handler == Handler::Default
            && (self.flags, self.restorer, self.mask.low, self.mask.high.unwrap_or(0)) == (0, 0, 0, 0)
    }
}

/// The signals of a process.
#[derive(Clone, Debug, Default)]
pub struct OfProcess {
    arch: Option<Arch>,
    /// Signals waiting for the process, which any thread that does not block them can take. `None` if not recorded.
    pub shared: Option<Vec<Siginfo>>,
    threads: HashMap<Tid, Vec<Siginfo>>,
    /// Actions that were set, by signal. `None` if not recorded.
    pub actions: Option<Vec<Action>>,
}

impl OfProcess {
    /// Signals waiting for one thread alone; `None` if not recorded.
    pub fn of_thread(&self, tid: Tid) -> Option<&[Siginfo]> {
        self.threads.get(&tid).map(Vec::as_slice)
    }

    /// The set of signals in a queue.
    pub fn set_of(&self, queue: &[Siginfo]) -> SignalSet {
        SignalSet::from_numbers(queue.iter().filter_map(|info| info.signal), self.arch)
    }

    /// The signals that the process ignores.
    pub fn ignored(&self) -> Option<SignalSet> {
        self.actions_that(|handler| handler == Handler::Ignore)
    }

    /// The signals for which the process has handlers.
    pub fn caught(&self) -> Option<SignalSet> {
        self.actions_that(|handler| matches!(handler, Handler::Function(_)))
    }

    fn actions_that(&self, wanted: impl Fn(Handler) -> bool) -> Option<SignalSet> {
        let actions = self.actions.as_ref()?.iter().filter(|action| wanted(action.handler));
        // CRIU records the actions of at most 64 signals, even on mips.
        Some(SignalSet { high: None, ..SignalSet::from_numbers(actions.map(|action| action.signal), None) })
    }
}

/// The signals of all processes.
#[derive(Debug, Default)]
pub struct Signals(HashMap<Pid, OfProcess>);

impl Signals {
    /// The signals of a living process.
    pub fn of(&self, process: &Process) -> Option<&OfProcess> {
        self.0.get(&process.pid())
    }
}

/// Reads the signals of all living processes.
pub(crate) fn read(images: Images<'_>, model: &Model, _: &EngineFiles<'_>) -> Signals {
    let living = model.processes().iter().filter(|process| !process.is_zombie());
    let order = model.byte_order();
    Signals(living.map(|process| (process.pid(), of_process(images, process, order))).collect())
}

fn of_process(images: Images<'_>, process: &Process, order: ByteOrder) -> OfProcess {
    let (arch, pid) = (process.arch(), u64::from(process.pid().0));
    let queue = |entries: &[SiginfoEntry], place: Place| {
        entries.iter().map(|entry| siginfo(entry, order, arch, images, &place)).collect::<Vec<_>>()
    };
    // Before CRIU 1.3 queues had their own images.
    let old = |kind, number| {
        let there = images.has(kind, number);
        there.then(|| queue(&images.all::<SiginfoEntry>(kind, number), images.place(kind, number)))
    };
    let core = |tid: Tid| images.place(Kind::Core, tid.0.into());
    let shared = process.task().and_then(|task| task.signals_s.as_ref());
    let shared = shared.map(|shared| queue(&shared.signals, core(Tid(process.pid().0))));
    let private = |thread: &Thread| {
        let own = thread.own().and_then(|own| own.signals_p.as_ref());
        let own = own.map(|own| queue(&own.signals, core(thread.tid)));
        Some((thread.tid, own.or_else(|| old(Kind::SignalPrivate, thread.tid.0.into()))?))
    };
    OfProcess {
        arch,
        shared: shared.or_else(|| old(Kind::SignalShared, pid)),
        threads: process.threads.iter().filter_map(private).collect(),
        actions: actions(images, process),
    }
}

fn siginfo(entry: &SiginfoEntry, order: ByteOrder, arch: Option<Arch>, images: Images<'_>, place: &Place) -> Siginfo {
    /// The last signal on mips, which has the most.
    const LAST: u32 = 128;
    let bytes = entry.siginfo();
    let info = Siginfo::parse(bytes, order, arch);
    if bytes.len() != SIZE {
        images.warnings.push(Code::SignalInvalid, place.clone(), || {
            format!("a pending signal has {} bytes instead of {SIZE}", bytes.len())
        });
    } else if !info.signal.is_some_and(|number| (1..=LAST).contains(&number)) {
        images.warnings.push(Code::SignalInvalid, place.clone(), || {
            format!("a pending signal has the invalid number {}", info.signal.unwrap_or_default())
        });
    }
    info
}

/// The actions of a process. CRIU before 3.1 wrote them to their own image.
fn actions(images: Images<'_>, process: &Process) -> Option<Vec<Action>> {
    /// Signals 1 to 64, without the two whose actions cannot be set.
    const COUNT: usize = 62;
    let (arch, pid) = (process.arch(), u64::from(process.pid().0));
    let recorded = process.task().map(|task| &task.sigactions).filter(|actions| !actions.is_empty());
    let old;
    let (entries, kind) = match recorded {
        Some(actions) => (actions, Kind::Core),
        None if images.has(Kind::Sigacts, pid) => {
            old = images.all::<SaEntry>(Kind::Sigacts, pid);
            (&old, Kind::Sigacts)
        }
        None => return None,
    };
    if entries.len() != COUNT {
        images.warnings.push(Code::SignalInvalid, images.place(kind, pid), || {
            format!("{} signal actions instead of {COUNT}; cannot match actions to signals", entries.len())
        });
    }
    let numbers = (1..=64).filter(|&number| !signal::is_fixed(number, arch));
    let all = numbers.zip(entries).map(|(number, entry)| Action::from_entry(number, entry, arch));
    Some(all.filter(|action| !action.is_unset()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_of_mips_have_128_signals() {
        assert_eq!(SignalSet::from_numbers([1, 64].into_iter(), None), SignalSet { low: 1 | 1 << 63, high: None });
        assert_eq!(
            SignalSet::from_numbers([1, 128].into_iter(), Some(Arch::Mips)),
            SignalSet { low: 1, high: Some(1 << 63) }
        );
        assert_eq!(SignalSet::from_numbers([0, 65, u32::MAX].into_iter(), None), SignalSet::default());
    }

    #[test]
    fn an_action_is_told_by_its_handler() {
        let of = |sigaction, arch| {
            Action::from_entry(10, &SaEntry { sigaction: Some(sigaction), ..SaEntry::default() }, arch)
        };
        assert!(of(0, None).is_unset());
        assert_eq!(of(1, None).handler, Handler::Ignore);
        assert_eq!(of(0x40_1665, None).handler, Handler::Function(Address(0x40_1665)));
        let extended = 0xffff_ffff_8000_1000;
        assert_eq!(of(extended, Some(Arch::Arm)).handler, Handler::Function(Address(0x8000_1000)));
        assert_eq!(of(extended, None).handler, Handler::Function(Address(extended)));
        let flagged = Action::from_entry(10, &SaEntry { flags: Some(4), ..SaEntry::default() }, None);
        assert!(!flagged.is_unset(), "somebody set it to the default, with flags");
    }
}
