//! `cryoscope decode`: prints any image as JSON.

use std::collections::HashSet;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cryoscope::archive::Member;
use cryoscope::formats::decode::{self as formats, DecodeStyle, DecodeWriter, InfoWriter, Payload};
use cryoscope::images::Kind;
use cryoscope::images::decode::{Decoded, Head, Summary, Visit};
use cryoscope::memory::Keep;
use cryoscope::{Checkpoint, ImageFile};

use super::args::{DecodeArgs, DecodeFormat, FleetArgs, Global};
use super::exit::Exit;
use super::fleet::Fleet;
use super::open::Opener;
use super::screen::{Report, Screen, complain};
use super::wildcard::{self, Wildcards};
use super::{Failure, Outcome};

pub(crate) fn run(args: &DecodeArgs, global: &Global) -> Outcome {
    if args.pretty && args.format != Some(DecodeFormat::CritJson) {
        let message = "--pretty only applies to crit-json; add --format crit-json";
        return Err(Failure::Usage(message.to_owned()));
    }
    let (path, member) = split(&args.input);
    let limits = global.limits.limits();
    let open = |path: &Path| {
        if global.no_mmap { ImageFile::open_unmapped(path, &limits) } else { ImageFile::open(path, &limits) }
    };
    let image = if path == Path::new("-") { None } else { open(&path)? };
    let Some(image) = image else {
        let members: Vec<String> = member.into_iter().chain(args.members.iter().cloned()).collect();
        return of_archive(&path, &members, args, global);
    };
    if let Some(member) = member {
        let path = path.display();
        return Err(Failure::Usage(format!("{path} is an image, not an archive: it has no member {member}")));
    }
    let mut images = vec![(path, image)];
    for other in &args.members {
        let Some(image) = open(Path::new(other))? else {
            return Err(Failure::Usage(format!("{other} is not an image, but {} is", args.input.display())));
        };
        images.push((PathBuf::from(other), image));
    }
    global.outputs.inputs(images.iter().map(|(path, _)| path.as_path()))?;
    images.iter().try_for_each(|(path, _)| global.input_file(path))?;
    let mut screen = Screen::open(global)?;
    let mut writer = Writer::new(&mut screen, args);
    for (_, image) in &images {
        image.decode(&mut writer)?;
    }
    writer.finish()?;
    let exits = images.iter().map(|(path, image)| Report::of_image(image).print(&path.display().to_string(), global));
    let exit = Exit::of_all(exits);
    screen.finish(exit)
}

fn of_archive(path: &Path, members: &[String], args: &DecodeArgs, global: &Global) -> Outcome {
    let wanted = members.iter().map(|pattern| Wanted::of(pattern)).collect::<Result<Vec<_>, _>>()?;
    // In a stream, pages and file contents are kept only if the payload is printed.
    let keep = if args.payload && !args.info { Keep::Everything } else { Keep::Tables };
    let named = [path.to_owned()];
    let fleet = Fleet::resolve(&named, &FleetArgs::default(), global)?;
    let (entry, checkpoints) = fleet.one_archive(&Opener::new(global, keep), "decode")?;
    let path = &entry.path;
    if members.is_empty() && !args.all && !args.info {
        let message =
            "no image named; name one or more, such as core-1.img or 'core-*.img', or use --all; --info lists them";
        return Err(Failure::Usage(message.to_owned()));
    }
    let chosen: Vec<Vec<&Member>> = checkpoints.iter().map(|checkpoint| choose(checkpoint, &wanted)).collect();
    let found = |wanted: &Wanted| chosen.iter().flatten().any(|member| wanted.is(member));
    let message = |missing: &Wanted| {
        format!("no image matches {}; `cryoscope decode {} --info` lists them", missing.text, path.display())
    };
    // A missing name is a mistake. A pattern without a match only means that nothing was found.
    let (sought, named): (Vec<&Wanted>, Vec<&Wanted>) =
        wanted.iter().filter(|wanted| !found(wanted)).partition(|wanted| wanted.has_wildcards());
    if let Some(missing) = named.first() {
        return Err(Failure::Usage(message(missing)));
    }
    if !global.quiet {
        for missing in &sought {
            complain(&message(missing));
        }
    }
    let mut screen = Screen::open(global)?;
    let mut writer = Writer::new(&mut screen, args);
    for (checkpoint, members) in checkpoints.iter().zip(&chosen) {
        let decoder = checkpoint.decoder();
        members.iter().try_for_each(|member| decoder.image(member, &mut writer))?;
    }
    writer.finish()?;
    let name = path.display().to_string();
    let exit = Exit::of_all(checkpoints.iter().map(|checkpoint| Report::of(checkpoint).print(&name, global)));
    let is_nothing = !wanted.is_empty() && sought.len() == wanted.len();
    let exit = if is_nothing && exit == Exit::Done { Exit::No } else { exit };
    screen.finish(exit)
}

/// The path of the file that an input names.
pub(crate) fn path_of(input: &Path) -> PathBuf {
    split(input).0
}

/// Splits an input into a path and a member after a colon. The longest path that exists wins, as file names of kubelet
/// archives contain colons.
fn split(input: &Path) -> (PathBuf, Option<String>) {
    if let Some(text) = input.to_str().filter(|_| !input.exists()) {
        for (colon, _) in text.rmatch_indices(':') {
            let (path, member) = (&text[..colon], &text[colon + 1..]);
            if !member.is_empty() && (path == "-" || !path.is_empty() && Path::new(path).exists()) {
                return (PathBuf::from(path), Some(member.to_owned()));
            }
        }
    }
    (input.to_owned(), None)
}

/// A member named by the user.
struct Wanted {
    text: String,
    glob: Wildcards,
}

impl Wanted {
    fn of(text: &str) -> Result<Self, Failure> {
        // Text that is not a valid pattern may still be a name.
        let glob = wildcard::one(text, false).or_else(|_| wildcard::one(&globset::escape(text), false));
        let glob = glob.map_err(|error| Failure::Usage(format!("member name: {error}")))?;
        Ok(Wanted { text: text.to_owned(), glob })
    }

    fn has_wildcards(&self) -> bool {
        self.text.contains(['*', '?', '[', '{'])
    }

    /// Whether a member matches, by its path or its file name.
    fn is(&self, member: &Member) -> bool {
        self.glob.is_match(&member.path) || self.glob.is_match(member.file_name())
    }
}

/// The images to decode, each once. All images if none is named. A full path may name any file of the archive.
fn choose<'c>(checkpoint: &'c Checkpoint, wanted: &[Wanted]) -> Vec<&'c Member> {
    let images = checkpoint.image_members();
    if wanted.is_empty() {
        return images;
    }
    let mut chosen: Vec<&Member> = Vec::new();
    let mut known: HashSet<*const Member> = HashSet::new();
    for wanted in wanted {
        let among: Vec<&Member> = images.iter().copied().filter(|member| wanted.is(member)).collect();
        let elsewhere = || {
            let archive = checkpoint.archive();
            let member = archive.find(wanted.text.as_bytes());
            let statistics =
                archive.members().iter().filter(|m| Kind::from_file_name(m.file_name()).is_some() && wanted.is(m));
            member.into_iter().chain(statistics).collect()
        };
        let found = if among.is_empty() { elsewhere() } else { among };
        for member in found {
            if known.insert(member) {
                chosen.push(member);
            }
        }
    }
    chosen
}

/// The style of decoded images. As in crit, numbers are plain and payloads are included by default.
fn style(args: &DecodeArgs) -> DecodeStyle {
    let format = args.format.map_or(formats::DecodeFormat::Json, formats::DecodeFormat::from);
    let crit = format == formats::DecodeFormat::CritJson;
    let payload = match args.payload {
        true => Payload::Everything,
        false if crit && !args.no_payload => Payload::Records,
        false => Payload::Lengths,
    };
    DecodeStyle { format, payload, plain: args.plain || crit && !args.pretty }
}

/// Writes images, or a summary of each.
enum Writer<W: Write> {
    Images(DecodeWriter<W>),
    Info(InfoWriter<W>),
}

impl<'s> Writer<&'s mut io::BufWriter<super::screen::Target>> {
    fn new(screen: &'s mut Screen, args: &DecodeArgs) -> Self {
        let format = args.format.map(formats::DecodeFormat::from);
        if args.info {
            return Writer::Info(InfoWriter::new(&mut screen.out, format, screen.width));
        }
        Writer::Images(DecodeWriter::new(&mut screen.out, style(args)))
    }
}

impl<W: Write> Writer<W> {
    fn finish(self) -> io::Result<()> {
        match self {
            Writer::Images(writer) => writer.finish(),
            Writer::Info(writer) => writer.finish(),
        }
    }

    fn visit(&mut self) -> &mut dyn Visit {
        match self {
            Writer::Images(writer) => writer,
            Writer::Info(writer) => writer,
        }
    }
}

impl<W: Write> Visit for Writer<W> {
    fn begin(&mut self, head: &Head<'_>) -> io::Result<()> {
        self.visit().begin(head)
    }

    fn record(&mut self, head: &Head<'_>, record: &Decoded<'_>) -> io::Result<()> {
        self.visit().record(head, record)
    }

    fn end(&mut self, head: &Head<'_>, summary: &Summary) -> io::Result<()> {
        self.visit().end(head, summary)
    }
}

impl From<DecodeFormat> for formats::DecodeFormat {
    fn from(format: DecodeFormat) -> Self {
        match format {
            DecodeFormat::Json => formats::DecodeFormat::Json,
            DecodeFormat::Ndjson => formats::DecodeFormat::Ndjson,
            DecodeFormat::CritJson => formats::DecodeFormat::CritJson,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_path_that_exists_counts() {
        let folder = tempfile::tempdir().unwrap();
        let archive = folder.path().join("checkpoint-2026-01-02T03:04:05Z.tar");
        std::fs::write(&archive, "").unwrap();
        let with = |rest: &str| PathBuf::from(format!("{}{rest}", archive.display()));
        assert_eq!(split(&archive), (archive.clone(), None));
        assert_eq!(split(&with(":core-1.img")), (archive.clone(), Some("core-1.img".to_owned())));
        assert_eq!(split(&with(":a:b")), (archive.clone(), Some("a:b".to_owned())));
        let missing = folder.path().join("no:where.tar:x");
        assert_eq!(split(&missing), (missing.clone(), None));
    }
}
