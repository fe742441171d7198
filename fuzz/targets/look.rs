//! Looks into memory and files, as searches do.

use std::io::sink;
use std::ops::ControlFlow;

use cryoscope::memory::{Encoding, Matcher, Pattern, SearchOptions, StringOptions};
use cryoscope::{Checkpoint, elfcore};

/// Searches memory and everything else, reads its strings, and writes core files.
pub(super) fn look(checkpoint: &Checkpoint) {
    let pattern = |text: &str| Pattern::text(text, Encoding::Utf8, false).expect("a pattern");
    let patterns = [pattern("aab"), pattern("root"), Pattern::regex("a{2,9}[^a]", true)];
    let matcher = Matcher::new(&patterns).expect("patterns");
    let search = SearchOptions { threads: 1, longest: 64, most: 1000 };
    let model = checkpoint.model();
    let all = 0..u64::MAX;
    let wanted: Vec<_> = model.processes().iter().map(|process| (process, vec![all.clone()])).collect();
    std::hint::black_box(checkpoint.memory().search_in(&wanted, &matcher, &search));
    std::hint::black_box(checkpoint.memory().search_elsewhere(&matcher, &search, 16));
    let options = StringOptions { threads: 1, least: 4, ascii: true, utf16: true };
    let mut blocks = 0_u32;
    checkpoint.memory().strings(
        &wanted,
        &options,
        |block| block.strings.len(),
        |_| {
            blocks += 1;
            if blocks < 1000 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        },
    );
    for process in model.processes() {
        // Holes would be written out, and mappings may claim to be as large as the address space.
        let small = process.mm.as_ref().is_some_and(|mm| {
            mm.vmas.iter().map(|vma| vma.end.0.saturating_sub(vma.start.0)).fold(0, u64::saturating_add) < 64 << 20
        });
        if small {
            let _ = elfcore::write(checkpoint, process, &mut sink());
        }
    }
}
