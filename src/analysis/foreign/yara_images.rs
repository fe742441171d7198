//! ELF images in memory that no file backs, as the files that they were. Rules that ask what a file begins with or how large
//! it is never hold for memory; they hold for these.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Instant;

use bstr::BString;

use super::super::elf::{self, Found};
use super::super::yara::Rules;
use super::yara_matches::{Done, Kept, scan as scan_bytes};
use super::yara_targets::{Bytes, Target, Targets};
use crate::Checkpoint;
use crate::int::usize_of;
use crate::model::ids::Pid;

/// Runs the rules over the images, one after the other: each is a copy in memory. The targets get more at
/// their end.
pub(super) fn scan(
    checkpoint: &Checkpoint,
    rules: &Rules,
    until: Option<Instant>,
    targets: &mut Targets<'_>,
    kept: &mut Kept,
) {
    let known = Known::of(&targets.all, kept);
    elf::each_in_memory(checkpoint, &mut |found| {
        if until.is_some_and(|until| Instant::now() >= until) {
            kept.add(targets.all.len(), Done::out_of_time());
            return ControlFlow::Break(());
        }
        if let Some((target, bytes)) = image(&found, targets, &known) {
            let number = targets.all.len();
            let mut done = scan_bytes(&Bytes::Whole(bytes.into()), number, &target, rules);
            done.matched.retain(|matched| !known.has(&target, matched.rule));
            kept.add(number, done);
            targets.all.push(target);
        }
        ControlFlow::Continue(())
    });
}

/// An image as a file, with zeros where bytes are missing. `None` without a header: its bytes are scanned with the process.
fn image(found: &Found<'_>, targets: &mut Targets<'_>, known: &Known) -> Option<(Target, Vec<u8>)> {
    let (pid, address) = found.pid.zip(found.address)?;
    let made = found.file()?;
    let path: BString = format!("elf/{}", found.extracted_as()?).into();
    let len = made.bytes.len();
    if !targets.room.has_size(len, None) || !targets.room.has_room(len) {
        return None;
    }
    let mut bytes = vec![0; usize_of(len)];
    for (at, piece) in made.bytes.pieces() {
        let place = bytes.get_mut(usize_of(at)..).and_then(|rest| rest.get_mut(..piece.len()));
        place?.copy_from_slice(piece);
    }
    let process = known.processes.get(&pid).and_then(|&number| targets.all.get(number));
    let size = found.size.unwrap_or(len);
    Some((Target::image(pid, address, path, size, process), bytes))
}

/// What was found in the memory of processes: the same rule in the same bytes is told once.
struct Known {
    /// The target of each process.
    processes: HashMap<Pid, usize>,
    /// Addresses at which a rule matched in a process.
    places: HashMap<(Pid, usize), Vec<u64>>,
}

impl Known {
    fn of(targets: &[Target], kept: &Kept) -> Self {
        let of_process = targets.iter().enumerate().filter(|(_, target)| target.kind == "process");
        let processes = of_process.filter_map(|(number, target)| Some((target.pid?, number))).collect();
        let mut places: HashMap<(Pid, usize), Vec<u64>> = HashMap::new();
        for matched in kept.matched() {
            let target = targets.get(matched.target).filter(|target| target.kind == "process");
            if let Some(pid) = target.and_then(|target| target.pid) {
                let places = places.entry((pid, matched.rule)).or_default();
                places.extend(matched.strings.iter().map(|string| string.at));
            }
        }
        Known { processes, places }
    }

    /// Whether a rule matched in the memory of the image.
    fn has(&self, target: &Target, rule: usize) -> bool {
        let (Some(pid), Some(start)) = (target.pid, target.image) else { return false };
        let end = start.saturating_add(target.bytes);
        self.places.get(&(pid, rule)).is_some_and(|places| places.iter().any(|at| (start..end).contains(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::yara::RawString;
    use super::super::yara_database::Inside;
    use super::super::yara_matches::Matched;
    use super::*;

    #[test]
    fn a_rule_that_matched_in_the_memory_of_an_image_is_known() {
        let string = |at| RawString { id: "$a".to_owned(), at, length: 4, bytes: Vec::new(), count: 1 };
        let mut process = Target::image(Pid(7), 0, "/bin/x".into(), 0, None);
        process.kind = "process";
        let strings = vec![string(0x7000), string(0x9000)];
        let one = Matched { rule: 3, target: 0, strings, inside: Inside::Nothing };
        let mut kept = Kept::up_to(10);
        kept.add(0, Done::of(vec![one]));
        let known = Known::of(&[process], &kept);
        let image = |pid, address| Target::image(Pid(pid), address, "elf/x".into(), 0x1000, None);
        assert!(known.has(&image(7, 0x7000), 3) && known.has(&image(7, 0x8fff), 3));
        assert!(!known.has(&image(7, 0x7001), 3), "it begins behind the match");
        assert!(!known.has(&image(8, 0x7000), 3) && !known.has(&image(7, 0x7000), 4));
    }
}
