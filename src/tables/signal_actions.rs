//! Table `signal_actions`.

use std::borrow::Cow;

use bstr::BString;

use super::process_memory_map::kind_and_path;
use super::table::table;
use crate::Checkpoint;
use crate::abi;
use crate::model::Model;
use crate::model::ids::{Address, Pid};
use crate::model::process::Process;
use crate::model::signal::{Action, Handler, SignalSet};
use crate::model::vma::Vma;

table! {
    "signal_actions", key(pid, number), brief(pid, signal, action, handler, permissions, path);
    /// What living processes do when a signal arrives, by pid and number: one row for each signal whose action was set.
    /// Signals without a row have the kernel's default action. All threads of a process share its actions.
    pub struct SignalAction {
        /// Process id.
        pub pid: Pid,
        /// Name of the signal, for example `SIGTERM`, or its number if it has no name.
        pub signal: Cow<'static, str>,
        /// Number of the signal.
        pub number: u32,
        /// Action: `handler` (a function is called), `ignore`, or `default` (set explicitly, with flags or a mask).
        pub action: &'static str,
        /// Address of the handler function. Null unless `action` is `handler`.
        pub handler: Option<Address>,
        /// Flags (`SA_*`).
        pub flags: Vec<Cow<'static, str>>,
        /// Signals blocked while the handler runs, besides the signal itself.
        pub mask: SignalSet,
        /// Address that the handler returns to. Null if it was not set.
        pub restorer: Option<Address>,
        /// Whether a 32-bit program on a 64-bit machine set the action.
        pub compat: bool,
        /// Start of the mapping that contains the handler; joins `process_memory_map`. Null if no mapping contains it.
        pub mapping: Option<Address>,
        /// Permissions of that mapping. Writable code is a sign of injection.
        pub permissions: Option<String>,
        /// Kind of that mapping, as in `process_memory_map.kind`.
        pub kind: Option<&'static str>,
        /// Path of that mapping. Null if it has none, or if no mapping contains the handler.
        pub path: Option<BString>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = SignalAction> + '_ {
    let (model, signals) = (checkpoint.model(), checkpoint.signals());
    super::living(checkpoint).flat_map(move |process| {
        let actions = signals.of(process).and_then(|signals| signals.actions.as_ref());
        actions.into_iter().flatten().map(move |action| row(model, process, action))
    })
}

fn row(model: &Model, process: &Process, action: &Action) -> SignalAction {
    let (name, handler) = match action.handler {
        Handler::Default => ("default", None),
        Handler::Ignore => ("ignore", None),
        Handler::Function(address) => ("handler", Some(address)),
    };
    let mm = process.mm.as_ref();
    let vma = handler.and_then(|address| mm?.vma_at(address.0));
    let kind_and_path = mm.zip(vma).map(|(mm, vma)| kind_and_path(model, mm, vma));
    SignalAction {
        pid: process.pid(),
        signal: abi::signal::name(action.signal, process.arch()),
        number: action.signal,
        action: name,
        handler,
        flags: abi::signal::action_flags(action.flags, process.arch()),
        mask: action.mask,
        restorer: Address::non_zero(Some(action.restorer)),
        compat: action.compat,
        mapping: vma.map(|vma| vma.start),
        permissions: vma.map(Vma::permissions),
        kind: kind_and_path.as_ref().map(|(kind, _)| *kind),
        path: kind_and_path.map(|(_, path)| BString::from(path)).filter(|path| !path.is_empty()),
    }
}
