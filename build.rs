//! Compiles `proto/` into Rust types, tables of the schema, and a descriptor set for tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs, io};

use prost_build::Config;
use protox::Compiler;
use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor,
};

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
    // Tests compare our reader with another one, which takes descriptors.
    fs::write(out.join("descriptors.bin"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("schema.rs"), schema(&compiler.descriptor_pool())?)?;
    // The Rust types carry the comments of the schema; the embedded descriptors do not need them.
    compiler.include_source_info(true);
    Config::new().enable_type_names().compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The constants `MESSAGES` and `ENUMS`: the schema as tables, with how each field is to be shown (`show.proto`).
/// `images::schema` has their types.
fn schema(pool: &DescriptorPool) -> Result<String, Box<dyn std::error::Error>> {
    let is_ours = |file: FileDescriptor| file.package_name() == "criu" && file.name() != "show.proto";
    let messages: BTreeMap<String, MessageDescriptor> =
        pool.all_messages().filter(|m| is_ours(m.parent_file())).map(|m| (m.name().to_owned(), m)).collect();
    let enums: BTreeMap<String, EnumDescriptor> =
        pool.all_enums().filter(|e| is_ours(e.parent_file())).map(|e| (e.full_name().to_owned(), e)).collect();
    let show = pool.get_extension_by_name("criu.show").ok_or("show.proto defines no option `show`")?;

    let mut text = String::from("pub(in crate::images) static MESSAGES: &[MessageDef] = &[\n");
    for (name, message) in &messages {
        writeln!(text, "    MessageDef {{ name: {name:?}, fields: &[")?;
        let mut fields: Vec<_> = message.fields().collect();
        fields.sort_unstable_by_key(FieldDescriptor::number);
        for field in fields {
            let (number, name, repeated) = (field.number(), field.name(), field.is_list());
            let ty = match field.kind() {
                Kind::Message(m) => format!("Message({})", place_of(&messages, m.name())?),
                Kind::Enum(e) => format!("Enum({})", place_of(&enums, e.full_name())?),
                Kind::String => return Err(format!("{name} is a string: text is bytes that need not be UTF-8").into()),
                scalar => capitalized(&format!("{scalar:?}")),
            };
            let show = hint(&field.options(), &show);
            writeln!(
                text,
                "        FieldDef {{ number: {number}, name: {name:?}, ty: Type::{ty}, repeated: {repeated}, show: Show::{show} }},"
            )?;
        }
        text.push_str("    ] },\n");
    }
    text.push_str("];\n\npub(super) static ENUMS: &[&[(i32, &str)]] = &[\n");
    for descriptor in enums.values() {
        let values: Vec<_> = descriptor.values().map(|value| (value.number(), value.name().to_owned())).collect();
        writeln!(text, "    &{values:?},")?;
    }
    text.push_str("];\n");
    Ok(text)
}

/// The name of a type of protobuf as a variant of `Type`.
fn capitalized(name: &str) -> String {
    let (first, rest) = name.split_at(1);
    first.to_uppercase() + rest
}

/// Where a name stands among others.
fn place_of<T>(all: &BTreeMap<String, T>, name: &str) -> Result<usize, String> {
    all.keys().position(|other| other == name).ok_or_else(|| format!("{name} is not of CRIU's schema"))
}

/// The variant of `Show` that a field's option asks for.
fn hint(options: &DynamicMessage, show: &ExtensionDescriptor) -> String {
    if !options.has_extension(show) {
        return "Plain".to_owned();
    }
    let value = options.get_extension(show);
    let Some(show) = value.as_message() else { return "Plain".to_owned() };
    let is_set = |name: &str| show.get_field_by_name(name).and_then(|v| v.as_bool()).unwrap_or(false);
    let named = |name: &str| {
        let value = show.get_field_by_name(name)?;
        value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match () {
        () if is_set("text") => "Text".to_owned(),
        () if is_set("hex") => "Hex".to_owned(),
        () if is_set("ip") => "Ip".to_owned(),
        () if is_set("odev") => "StatDevice".to_owned(),
        () if is_set("dev") => "KernelDevice".to_owned(),
        () if is_set("unix_name") => "UnixName".to_owned(),
        () => match (named("flags"), named("dict")) {
            (Some(flags), _) => format!("Flags({flags:?})"),
            (None, Some(dict)) => format!("Dict({dict:?})"),
            (None, None) => "Plain".to_owned(),
        },
    }
}
