//! Table `cpuinfo`.

use bstr::BString;

use super::table::table;
use crate::Checkpoint;
use crate::images::proto::CpuinfoEntry;
use crate::images::proto::cpuinfo_ppc64_entry::Endianness;
use crate::images::proto::cpuinfo_x86_entry::Vendor;

table! {
    "cpuinfo", key(), brief(vendor, family, model, stepping, model_name);
    /// Processors of the host, in the order of the image. Recorded only if CRIU was run with `--cpu-cap`.
    pub struct Cpu {
        /// Vendor on x86: `intel`, `amd` or `unknown`. Byte order on power: `big_endian` or `little_endian`. Null on
        /// other machines.
        pub vendor: Option<&'static str>,
        /// Family (x86).
        pub family: Option<u32>,
        /// Model (x86).
        pub model: Option<u32>,
        /// Stepping (x86).
        pub stepping: Option<u32>,
        /// Name of the model (x86).
        pub model_name: Option<BString>,
        /// Feature words of the processor, in hexadecimal: on x86 in the kernel's order of `X86_FEATURE_*`, on power
        /// and z/Architecture `AT_HWCAP` and `AT_HWCAP2`.
        pub capabilities: Vec<String>,
        /// States that XSAVE saves (x86), in hexadecimal. Null before CRIU 3.11.
        pub xfeatures: Option<String>,
        /// Size of the XSAVE area in bytes (x86). Null before CRIU 3.11.
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
