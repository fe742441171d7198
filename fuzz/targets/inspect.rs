//! Everything: parts of the archive are changed, six bytes a change, and then all is asked for in all formats.

use std::io::sink;
use std::ops::ControlFlow;

use cryoscope::formats::{Columns, Format, RowWriter, Style};
use cryoscope::memory::Keep;

use super::look::look;
use super::parts::{decode, parts, read, with};

pub fn run(data: &[u8]) {
    let mut changed: Vec<(&str, Vec<u8>)> = Vec::new();
    for change in data.chunks_exact(6).take(64) {
        let (name, contents) = &parts()[usize::from(change[1]) % parts().len()];
        let place = changed.iter().position(|(other, _)| other == name).unwrap_or_else(|| {
            changed.push((name, contents.clone()));
            changed.len() - 1
        });
        let contents = &mut changed[place].1;
        let at = usize::from(u16::from_le_bytes([change[2], change[3]])).min(contents.len());
        match change[0] % 6 {
            0 => contents.truncate(at),
            1 => contents.insert(at, change[4]),
            2 if at < contents.len() => contents[at] ^= change[4],
            3 if at < contents.len() => drop(contents.remove(at)),
            4 => {
                let end = at.saturating_add(usize::from(change[4])).min(contents.len());
                let piece = contents[at..end].to_vec();
                contents.splice(at..at, piece);
            }
            5 => {
                let number = 1_u64.wrapping_shl(change[4].into()).wrapping_sub((change[5] & 1).into());
                let mut varint = Vec::new();
                prost::encoding::encode_varint(number, &mut varint);
                contents.splice(at..contents.len().min(at + 1), varint);
            }
            _ => {}
        }
    }
    let changed: Vec<(&str, &[u8])> = changed.iter().map(|(name, contents)| (*name, contents.as_slice())).collect();
    let checkpoints = read(&with(&changed), Keep::Everything);
    decode(&checkpoints, None);
    for checkpoint in checkpoints {
        look(&checkpoint);
        for format in [Format::TABLE, Format::JSON, Format::NDJSON, Format::CSV] {
            let style = Style { format, columns: Columns::All, name_tables: true, lead: Vec::new(), width: Some(80) };
            let mut writer = RowWriter::new(sink(), style);
            for source in cryoscope::catalog::all() {
                writer.begin(source.table).expect("nothing fails to write to nowhere");
                source.each(&checkpoint, &mut |row| {
                    writer.row(row).expect("nothing fails to write to nowhere");
                    ControlFlow::Continue(())
                });
            }
            writer.finish().expect("nothing fails to write to nowhere");
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    (0_u8..60).map(|member| vec![member % 6, member, member.wrapping_mul(37), 0, member.wrapping_mul(11), 1]).collect()
}
