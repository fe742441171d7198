//! `cryoscope iocs`: what archives yield to hunt for elsewhere.

use std::io::Write;
use std::sync::Arc;

use cryoscope::Checkpoint;
use cryoscope::analysis::hunt::Yield;
use cryoscope::analysis::{Scan, Selection};
use cryoscope::formats::hunt::{self, Hunted};
use cryoscope::memory::Keep;

use super::Outcome;
use super::args::{Global, HuntFormat, IocsArgs};
use super::exit::Exit;
use super::fleet::{Entry, Fleet, Heard, Stop, Voice};
use super::lead::Lead;
use super::open::Opener;
use super::screen::{Report, Screen, complain};

pub(crate) fn run(args: &IocsArgs, global: &Global) -> Outcome {
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let lead = Lead::new(&args.source, false, global)?;
    lead.check(fleet.entries())?;
    // Memory near addresses is read after the rules ran.
    let opener = Opener::new(global, Keep::Everything)
        .bringing(&Arc::default())
        .hashing_archive(lead.is_hashed())
        .naming_stdin(lead.name());
    let mut screen = Screen::open(global)?;
    let read = |entry: &Entry, checkpoints: Vec<Checkpoint>, voice: &Voice<'_, Hunted>| -> Result<(), Stop> {
        let id = lead.id(entry, &checkpoints).to_string();
        let several = checkpoints.len() > 1;
        voice.opened()?;
        for checkpoint in checkpoints {
            let scan = Scan::run(&checkpoint, &Selection::default());
            let found = Yield::of(&checkpoint, &scan);
            let name = if several { format!("{id} {}", checkpoint.set_name()) } else { id.clone() };
            voice.part(Hunted::new(name, checkpoint.rows().container(), found, args.all))?;
            voice.done(Report::of(&checkpoint))?;
        }
        Ok(())
    };
    let mut hunted = Vec::new();
    let tally = fleet.read(&opener, args.threads, read, |_, heard| {
        if let Heard::Part(part) = heard {
            hunted.push(part);
        }
        Ok(())
    })?;
    let is_empty = hunted.iter().all(|one| one.found.shown().next().is_none());
    let text = match args.format {
        HuntFormat::Stix => hunt::stix(&hunted),
        HuntFormat::Csv => hunt::csv(&hunted),
        HuntFormat::Misp => hunt::misp(&hunted),
        HuntFormat::Txt => hunt::txt(&hunted),
    };
    screen.out.write_all(text.as_bytes())?;
    screen.finish(Exit::Done)?;
    let exit = fleet.end(tally);
    if is_empty && exit == Exit::Done {
        if !global.quiet {
            let hidden: usize = hunted.iter().map(|one| one.found.all.len()).sum();
            let more = if hidden > 0 && !args.all {
                format!("; --all shows {hidden} that are left out, with the reasons")
            } else {
                String::new()
            };
            complain(&format!("nothing to hunt for: no finding of medium or above leads to an indicator{more}"));
        }
        return Ok(Exit::No);
    }
    Ok(exit)
}
