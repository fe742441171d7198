//! Inflates a file and throws the bytes away: what reading a compressed archive costs at least, with the inflaters that
//! the library uses. `benches/run.py` measures the commands against it.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result};

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).ok_or_else(|| Error::new(ErrorKind::InvalidInput, "usage: inflate FILE"))?;
    let mut head = [0; 4];
    File::open(&path)?.read_exact(&mut head)?;
    let file = File::open(&path)?;
    let mut inflated: Box<dyn Read> = match head {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(file)),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(file),
    };
    let mut buffer = vec![0; 256 << 10];
    while inflated.read(&mut buffer)? > 0 {
        std::hint::black_box(&buffer);
    }
    Ok(())
}
