//! Signals that end the command. Unfinished files are removed first.

#[cfg(feature = "prompt")]
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use cryoscope::extract::Scratch;

/// Whether Ctrl-C belongs to the query at the prompt and does not end the command.
static IS_CAUGHT: AtomicBool = AtomicBool::new(false);

/// Catches Ctrl-C from now on: it sets this flag.
#[cfg(feature = "prompt")]
pub(crate) fn interrupts() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    IS_CAUGHT.store(true, Ordering::Relaxed);
    // Otherwise Ctrl-C ends the command as usual.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::clone(&flag));
    flag
}

/// Starts to watch over unfinished files, once.
pub(crate) fn watch(scratch: &Scratch) {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        #[cfg(unix)]
        on_unix::watch(scratch.clone());
        #[cfg(not(unix))]
        let _ = scratch;
    });
}

#[cfg(unix)]
mod on_unix {
    use std::sync::atomic::Ordering;
    use std::thread;

    use cryoscope::extract::Scratch;
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use signal_hook::iterator::Signals;
    use signal_hook::low_level::emulate_default_handler;

    use super::IS_CAUGHT;

    pub(super) fn watch(scratch: Scratch) {
        // A signal that was ignored at the start (`nohup`, `&` in a script) stays ignored.
        let ignored = ignored();
        let wanted = [SIGHUP, SIGINT, SIGQUIT, SIGTERM].into_iter();
        let wanted = wanted.filter(|signal| ignored & (1_u64 << (signal - 1)) == 0);
        let Ok(mut signals) = Signals::new(wanted.collect::<Vec<_>>()) else { return };
        // Without a thread, `signals` is dropped and the default action returns, so nothing is worse than before.
        let _ = thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in &mut signals {
                if signal == SIGINT && IS_CAUGHT.load(Ordering::Relaxed) {
                    continue;
                }
                let cleared = scratch.clear();
                // The parent process sees the signal that ended the command, as if it had not been caught.
                let _ = emulate_default_handler(signal);
                drop(cleared);
            }
        });
    }

    /// The ignored signals. None if the system does not tell.
    fn ignored() -> u64 {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
        mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
    }
}
