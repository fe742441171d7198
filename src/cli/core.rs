//! `cryoscope core`: writes a process as an ELF core file for debuggers.

use cryoscope::elfcore;
use cryoscope::memory::Keep;

use super::args::{CoreArgs, Global};
use super::fleet::Fleet;
use super::open::Opener;
use super::processes::living;
use super::screen::{Report, Screen, refuse_terminal};
use super::{Failure, Outcome, brought};

pub(crate) fn run(args: &CoreArgs, global: &Global) -> Outcome {
    let Some(output) = &global.output else {
        return Err(Failure::Usage(
            "no output file; name one with --output FILE, or use `-` for standard output".to_owned(),
        ));
    };
    if output.as_os_str() == "-" {
        refuse_terminal()?;
    }
    // An existing file is refused before anything is read.
    let mut screen = Screen::open(global)?;
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let opener = Opener::new(global, Keep::Memory).filling(brought::root(&args.root, global)?);
    let (entry, checkpoint) = fleet.one(&opener, "core")?;
    let archive = entry.path.display().to_string();
    let process = living(&checkpoint, &archive, args.pid)?;
    if process.mm.is_none() && checkpoint.memory().has_pages(process) {
        return Err(Failure::Usage(format!(
            "the mappings of process {0} are unknown: its image mm-{0}.img is missing or damaged. Its pages are in the archive: \
             `cryoscope memparse {1} --pid {0} --dump FILE` writes them",
            args.pid, archive
        )));
    }
    if process.mm.is_none() {
        return Err(Failure::Usage(format!(
            "the memory of process {} is not in the archive: its image mm-{0}.img is missing or damaged",
            args.pid
        )));
    }
    checkpoint.read_all();
    elfcore::write(&checkpoint, process, &mut screen.out).map_err(|error| match error.kind() {
        std::io::ErrorKind::Unsupported => Failure::Usage(format!("process {}: {error}", args.pid)),
        _ => Failure::Output(error),
    })?;
    let exit = Report::of(&checkpoint).print(&archive, global);
    screen.finish(exit)
}
