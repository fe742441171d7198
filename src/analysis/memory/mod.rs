//! Rules about the contents and layout of memory (`MEM`): a file each, listed here. What they share is in `code`,
//! `copies`, `listing`, `runtime`, `shapes` and `stacks`.

mod anonymous_elf;
mod anonymous_executable;
mod argument_area_rewritten;
mod aslr_or_nx_disabled;
mod benign_memfds;
mod changed_relocation;
mod code;
pub(super) mod compiled_elsewhere;
mod copies;
mod dumpable_off;
mod elf_header_wiped;
mod exe_mapping_missing;
mod executable_from_writable_place;
mod executable_ghost_or_shm_mapping;
mod executable_stack_or_heap;
mod got_plt_hook;
mod handler_in_unbacked_code;
mod hidden_module;
mod import_leads_elsewhere;
mod injected_thread;
mod kernel_text_strings_in_user_memory;
mod late_library;
mod library_header_altered;
mod library_mapping_inconsistent;
mod listing;
mod memfd_executable_mapping;
mod no_call;
mod patched_code_page;
mod permission_mismatch;
mod preload_library;
mod ptrace_remains;
pub(super) mod runtime;
mod shapes;
mod shellcode_pattern;
mod sleeping_in_unbacked_code;
mod stack_pivot;
mod stacks;
mod suspended_payload_in_queue;
mod thread_outside_code;
mod thread_started_in_unbacked_code;
mod vdso_modified;
mod writable_executable_file;

pub(super) use self::anonymous_elf::carved;
use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[
    &anonymous_elf::RULE,
    &elf_header_wiped::RULE,
    &anonymous_executable::RULE,
    &patched_code_page::RULE,
    &got_plt_hook::RULE,
    &memfd_executable_mapping::RULE,
    &executable_from_writable_place::RULE,
    &thread_outside_code::RULE,
    &stack_pivot::RULE,
    &shellcode_pattern::RULE,
    &executable_stack_or_heap::RULE,
    &preload_library::RULE,
    &library_mapping_inconsistent::RULE,
    &exe_mapping_missing::RULE,
    &vdso_modified::RULE,
    &executable_ghost_or_shm_mapping::RULE,
    &aslr_or_nx_disabled::RULE,
    &argument_area_rewritten::RULE,
    &dumpable_off::RULE,
    &injected_thread::RULE,
    &ptrace_remains::RULE,
    &suspended_payload_in_queue::RULE,
    &kernel_text_strings_in_user_memory::RULE,
    &writable_executable_file::RULE,
    &permission_mismatch::RULE,
    &hidden_module::RULE,
    &library_header_altered::RULE,
    &sleeping_in_unbacked_code::RULE,
    &thread_started_in_unbacked_code::RULE,
    &changed_relocation::RULE,
    &late_library::RULE,
    &handler_in_unbacked_code::RULE,
    &import_leads_elsewhere::RULE,
];
