//! Compiles `proto/` into Rust types, a descriptor set for decoding by reflection, and a table of known fields.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

use prost_build::Config;
use protox::Compiler;
use protox::prost_reflect::{DescriptorPool, Kind, MessageDescriptor};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let mut files: Vec<PathBuf> = fs::read_dir("proto")?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<io::Result<Vec<_>>>()?
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "proto"))
        .collect();
    files.sort();

    let mut compiler = Compiler::new(["proto"])?;
    compiler.include_imports(true).open_files(&files)?;
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("known_fields.rs"), known_fields(&compiler.descriptor_pool()))?;
    // The Rust types carry the comments of the schema; the embedded descriptors do not need them.
    compiler.include_source_info(true);
    Config::new().enable_type_names().compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// A constant `KNOWN_FIELDS`: for each message its name and, by number, each field with the place of the message it
/// holds, if it holds one. `images::known` walks records with it.
fn known_fields(pool: &DescriptorPool) -> String {
    let messages: BTreeMap<String, MessageDescriptor> = pool
        .all_messages()
        .filter(|m| m.parent_file().package_name() == "criu")
        .map(|m| (m.name().to_owned(), m))
        .collect();
    let place: BTreeMap<&str, usize> = messages.keys().enumerate().map(|(i, name)| (name.as_str(), i)).collect();
    let mut text = String::from("pub(super) static KNOWN_FIELDS: &[(&str, &[(u32, Option<u16>)])] = &[\n");
    for (name, message) in &messages {
        let mut fields: Vec<(u32, Option<usize>)> = message
            .fields()
            .map(|field| {
                let inner = match field.kind() {
                    Kind::Message(m) => place.get(m.name()).copied(),
                    _ => None,
                };
                (field.number(), inner)
            })
            .collect();
        fields.sort_unstable();
        let _ = writeln!(text, "    ({name:?}, &{fields:?}),");
    }
    text.push_str("];\n");
    text
}
