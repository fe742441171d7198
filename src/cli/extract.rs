//! `cryoscope extract`: writes the files of a checkpoint into a directory of their own.

use std::fmt::Write as _;
use std::io::{IsTerminal, Write, stderr};
use std::path::Path;

use cryoscope::extract::{self, Choice, MANIFEST, Output, What};
use cryoscope::formats::{Grid, GridColumn};
use cryoscope::memory::Keep;
use cryoscope::model::ids::Pid;
use indicatif::HumanBytes;

use super::args::{ExtractArgs, Global};
use super::exit::Exit;
use super::fleet::Fleet;
use super::open::Opener;
use super::processes::process;
use super::progress::Progress;
use super::screen::{Report, Screen, complain};
use super::{Failure, Outcome, wildcard};

pub(crate) fn run(args: &ExtractArgs, global: &Global) -> Outcome {
    let Some(folder) = global.output.as_deref().filter(|path| *path != Path::new("-")) else {
        return Err(Failure::Usage("no output directory; name a new or empty one with --output DIR".to_owned()));
    };
    let what = whats(&args.what)?;
    let globs = wildcard::any_of(&args.path, true)?;
    let claim = global.outputs.claim_extracted(folder)?;
    Output::check(folder, global.force)?;
    let keep = what.iter().fold(Keep::Arguments, |keep, what| keep.and(what.keep()));
    let fleet = Fleet::resolve(&args.archives, &args.fleet, global)?;
    let (entry, checkpoint) = fleet.one(&Opener::new(global, keep), "extract")?;
    let archive = entry.path.display().to_string();
    for &pid in &args.pid {
        process(&checkpoint, &archive, pid)?;
    }
    let pids: Vec<Pid> = args.pid.iter().copied().map(Pid).collect();
    let (limits, scratch) = (checkpoint.limits(), claim.scratch().clone());
    let mut output = Output::with_scratch(folder, global.force, limits, progress(global), scratch)?;
    #[cfg(unix)]
    if args.links {
        output.make_links();
    }
    let wants = |path: &[u8]| globs.is_empty() || globs.is_match(path);
    let extracted = extract::extract(&checkpoint, &Choice { what: &what, path: &wants, pids: &pids }, &mut output);
    let counts: Vec<_> = what.iter().map(|&what| (what, output.count(what))).collect();
    let nothing = counts.iter().all(|(_, count)| count.files == 0 && count.listed == 0 && count.left_out == 0);
    // The manifest also lists what was written before an error.
    let finished = output.finish();
    extracted?;
    finished?;
    // The manifest has the hashes of all other files.
    global.record.output(&folder.join(MANIFEST));

    // The directory is the output. Messages go to the screen.
    let mut screen = Screen::on_stdout(global);
    let mut grid = Grid::new([
        GridColumn::text("WHAT"),
        GridColumn::number("FILES"),
        GridColumn::number("BYTES"),
        GridColumn::number("PARTIAL"),
        GridColumn::number("LEFT OUT"),
        GridColumn::number("ONLY LISTED"),
    ]);
    for (what, count) in counts {
        let numbers = [count.files, count.bytes, count.partial, count.left_out, count.listed];
        grid.push(std::iter::once(what.as_str().to_owned()).chain(numbers.map(|n| n.to_string())).collect());
    }
    screen.out.write_all(grid.render(screen.width).as_bytes())?;
    let exit = Report::of(&checkpoint).print(&archive, global);
    if nothing && !global.quiet {
        complain(&format!("nothing to extract: {}", sought(args, &what)));
    }
    screen.finish(if nothing && exit == Exit::Done { Exit::No } else { exit })
}

/// Names what was looked for but not found.
fn sought(args: &ExtractArgs, what: &[What]) -> String {
    let names: Vec<&str> = what.iter().map(|what| what.as_str()).collect();
    let mut text = format!("the archive holds no {}", names.join(", "));
    if !args.path.is_empty() {
        let _ = write!(text, " with a path that matches {}", args.path.join(" or "));
    }
    if !args.pid.is_empty() {
        let pids: Vec<String> = args.pid.iter().map(ToString::to_string).collect();
        let _ = write!(text, " of process {}", pids.join(" or "));
    }
    text
}

/// What to extract: the user's choice, or the default.
fn whats(names: &[String]) -> Result<Vec<What>, Failure> {
    let all = || What::ALL.iter().copied();
    if names.is_empty() {
        return Ok(all().filter(|what| what.is_usual()).collect());
    }
    if names == ["all"] {
        return Ok(all().collect());
    }
    let known: Vec<&str> = all().map(What::as_str).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::Usage(format!("--what {unknown:?} is unknown; choose from all, {}", known.join(", "))));
    }
    Ok(all().filter(|what| names.iter().any(|name| name == what.as_str())).collect())
}

/// Progress on a terminal while files are written.
fn progress(global: &Global) -> extract::Progress<'static> {
    if global.no_progress || global.quiet || !stderr().is_terminal() {
        return Box::new(|_, _| ());
    }
    let progress = Progress::new("{spinner} {msg}");
    Box::new(move |files, bytes| {
        progress.update(|bar| bar.set_message(format!("{files} files, {}", HumanBytes(bytes))));
    })
}
