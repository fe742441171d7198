//! Table `cpuinfo`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::CpuinfoEntry;
use crate::images::proto::cpuinfo_ppc64_entry::Endianness;
use crate::images::proto::cpuinfo_x86_entry::Vendor;

table! {
    "cpuinfo", key(), brief(vendor, family, model, stepping, model_name);
    /// Processors of the host, in the order of the image; recorded only when CRIU was asked for it (`--cpu-cap`).
    pub struct Cpu {
        /// x86: `intel`, `amd` or `unknown`; power: `big_endian` or `little_endian`; else null.
        pub vendor: Option<&'static str>,
        /// x86: family.
        pub family: Option<u32>,
        /// x86: model.
        pub model: Option<u32>,
        /// x86: stepping.
        pub stepping: Option<u32>,
        /// x86: name of the model.
        pub model_name: Option<BString>,
        /// Words of what the processor can do, in hexadecimal: x86 in the kernel's order of `X86_FEATURE_*`, power and
        /// z/Architecture `AT_HWCAP` and `AT_HWCAP2`.
        pub capabilities: Vec<String>,
        /// x86: states that XSAVE saves, in hexadecimal; null before CRIU 3.11.
        pub xfeatures: Option<String>,
        /// x86: bytes of the area of XSAVE; null before CRIU 3.11.
        pub xsave_size: Option<u32>,
    }
}

/// The rows of a checkpoint.
pub(super) fn rows(checkpoint: &Checkpoint) -> impl Iterator<Item = Cpu> + '_ {
    checkpoint.host().processors.iter().flat_map(of_entry)
}

fn of_entry(entry: &CpuinfoEntry) -> Vec<Cpu> {
    let empty = Cpu {
        vendor: None,
        family: None,
        model: None,
        stepping: None,
        model_name: None,
        capabilities: Vec::new(),
        xfeatures: None,
        xsave_size: None,
    };
    let long = |words: &[u64]| words.iter().map(|word| format!("{word:016x}")).collect::<Vec<_>>();
    let mut rows = Vec::new();
    for cpu in &entry.x86_entry {
        let vendor = cpu.vendor_id.and_then(|number| Vendor::try_from(number).ok());
        rows.push(Cpu {
            vendor: vendor.map(|vendor| match vendor {
                Vendor::Unknown => "unknown",
                Vendor::Intel => "intel",
                Vendor::Amd => "amd",
            }),
            family: cpu.cpu_family,
            model: cpu.model,
            stepping: cpu.stepping,
            model_name: cpu.model_id.clone().map(BString::from),
            capabilities: cpu.capability.iter().map(|word| format!("{word:08x}")).collect(),
            xfeatures: cpu.xfeatures_mask.map(|mask| format!("{mask:016x}")),
            xsave_size: cpu.xsave_size,
        });
    }
    for cpu in &entry.ppc64_entry {
        let order = cpu.endian.and_then(|number| Endianness::try_from(number).ok());
        let vendor = order.map(|order| match order {
            Endianness::Bigendian => "big_endian",
            Endianness::Littleendian => "little_endian",
        });
        rows.push(Cpu { vendor, capabilities: long(&cpu.hwcap), ..empty.clone() });
    }
    rows.extend(entry.s390_entry.iter().map(|cpu| Cpu { capabilities: long(&cpu.hwcap), ..empty.clone() }));
    rows
}
