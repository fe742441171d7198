//! What people and scripts see, kept as files to be reviewed by eye (`tests/it/snapshots/`). `cargo insta review` shows
//! what a change does to them; without it, run with `INSTA_UPDATE=always` and look at the difference.

use std::path::Path;
use std::process::Command;

use crate::command::Ran;

const WEBAPP: &str = "fixtures/webapp-compromise/webapp-compromise.tar.zst";
const TICK: &str = "fixtures/forms-reference/podman-runc.tar";
const LOGS: &str = "fixtures/crio-logs/checkpoint-logs_team-a-dev-log-agent-2026-11-23T11:47:14Z.tar";
const BARE: &str = "fixtures/forms-bare/runc-images.tar";
const TREE: &str = "fixtures/tree/tree.tar.zst";
const FILES: &str = "fixtures/files/files.tar.zst";

/// Runs the command in the project's folder, so that paths are the same everywhere.
fn see(arguments: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_cryoscope"));
    let output = command.args(arguments.split(' ').filter(|word| !word.is_empty())).current_dir(root).output().unwrap();
    let ran = Ran::of(output);
    let err = if ran.err.is_empty() { String::new() } else { format!("\n--- standard error\n{}", ran.err) };
    format!("$ cryoscope {arguments}\n{}{err}--- exit {}\n", ran.out, ran.code.unwrap())
}

/// A snapshot for each screen: its name and the arguments.
macro_rules! screens {
    ($($name:ident: $format:literal $(, $argument:expr)*;)+) => {
        $(#[test]
        fn $name() {
            insta::with_settings!({ omit_expression => true, prepend_module_to_snapshot => false }, {
                insta::assert_snapshot!(stringify!($name), see(&format!($format $(, $argument)*)));
            });
        })+
    };
}

screens! {
    help: "--help";
    help_show: "show --help";
    help_list: "list --help";
    help_inspect: "inspect --help";
    help_core: "core --help";
    help_extract: "extract --help";
    help_table: "table --help";
    help_decode: "decode --help";
    help_query: "query --help";

    help_memparse: "memparse --help";

    memparse_sizes: "memparse {TICK} --width 120";
    memparse_sizes_narrow: "memparse {TICK} --width 80";
    memparse_classes: "memparse {TICK} --by class --width 120";
    memparse_search: "memparse {TICK} --search needle --context 10 --pid 6 --width 120";
    memparse_search_row: "memparse {TICK} --search-hex 6e6565??6c65 --max-matches 1 --format json";
    memparse_count: "memparse {TICK} --search needle --count";
    memparse_hexdump: "memparse {TICK} --pid 1 --range 0x7f722c504fc0-0x7f722c505080 --hexdump";
    memparse_strings: "memparse {TICK} --pid 1 --kind stack --strings --min-length 8";
    memparse_lazy: "memparse fixtures/forms-memory/lazy.tar.gz --width 120";

    show_narrow: "show {TREE} {LOGS} {BARE} --width 80";
    show_wide: "show {TREE} {LOGS} {BARE} --width 200";
    show_piped: "show {TREE}";
    show_csv: "show {TREE} {BARE} --format csv";
    show_json: "show {LOGS} --format json";
    show_checkpointctl: "show {LOGS} --format checkpointctl-json";
    show_beside_damage: "show {TREE} fixtures/malformed/empty fixtures/malformed/elf --width 120";
    list_folder: "list fixtures/forms-engines --width 120";
    list_nothing: "list fixtures/forms-memory/none";

    rows_as_ecs: "table {TICK} container processes rootfs_changes log_lines --format ecs";
    rows_as_ocsf: "table {TICK} container processes rootfs_changes log_lines --format ocsf";
    rows_as_timesketch: "table {TICK} container processes rootfs_changes log_lines --format timesketch";
    rows_as_bulk: "table {TICK} container processes rootfs_changes log_lines --format bulk";
    rows_as_hec: "table {TICK} container processes rootfs_changes log_lines --format hec";
    rows_as_json: "table {TICK} container log_lines --format json";
    connections_as_ecs: "table {WEBAPP} tcp_connections --format ecs --columns state,local_address,local_port,remote_address,remote_port --strict-ecs";
    connections_as_ocsf: "table {WEBAPP} tcp_connections --format ocsf --columns state,local_address,local_port,remote_address,remote_port";
    connections_as_timesketch: "table {WEBAPP} tcp_connections --format timesketch --columns state,local_address,local_port,remote_address,remote_port";
    environments_as_ecs: "table {BARE} process_envs --format ecs";
    environments_as_ocsf: "table {BARE} process_envs --format ocsf --with-env";
    environments_as_hec: "table {BARE} process_envs --format hec";
    show_ecs: "show {LOGS} --format ecs";
    memparse_ocsf: "memparse {TICK} --search needle --max-matches 1 --format ocsf";

    inspect_compromised: "inspect {WEBAPP} --width 100";
    inspect_narrow: "inspect {WEBAPP} --width 80";
    inspect_colors: "inspect {WEBAPP} --width 100 --color always --pid 9";
    inspect_pod: "inspect {LOGS} --metadata --mounts --width 100";
    inspect_tree: "inspect {TREE}";
    inspect_bare: "inspect {BARE}";
    inspect_everything: "inspect {TICK} --all --width 120";
    inspect_files: "inspect {FILES} --files --pid 6 --width 100";
    inspect_one_process: "inspect {WEBAPP} --pid 11 --sockets --ps-tree-cmd --width 100";
    inspect_changes: "inspect {WEBAPP} --changes --width 80";
    inspect_changes_marked: "inspect fixtures/rootfs-diff/rootfs-diff.tar.zst --changes --width 80";
    inspect_unix_peers: "inspect {WEBAPP} --pid 23 --sockets --files --width 80";
    inspect_sections: "inspect {WEBAPP} --queues --recovered --mounts --isolation --width 80";
    inspect_environments: "inspect {WEBAPP} --env --width 80";
    inspect_held_by_one: "inspect {WEBAPP} --pid 23 --queues --recovered --width 100";
    inspect_held_rows: "inspect {WEBAPP} --pid 12 --queues --format table --width 100";
    inspect_no_such_process: "inspect {TREE} --pid 4711";
    inspect_two: "inspect {TICK} {BARE} --width 80";
    inspect_table: "inspect {TICK} --format table --sockets --width 140";
    inspect_checkpointctl: "inspect {TICK} --all --format checkpointctl-json";
    inspect_without_pages: "inspect fixtures/forms-memory/no-pages.tar.gz --width 100";

    tables: "table --width 100";
    table_text: "table {TICK} processes process_open_files --width 120";
    table_blocks: "table {TICK} processes --columns all --width 60";
    table_columns: "table {WEBAPP} processes --columns pid,uid,name,path --width 80";
    table_csv: "table {FILES} process_open_files --format csv --columns pid,fd,type,path,flag_names,detail";
    table_ndjson: "table {FILES} container process_open_files --format ndjson --columns name,fd,path,detail";
    table_connections: "table {WEBAPP} tcp_connections --width 80";
    table_changes: "table fixtures/rootfs-diff/rootfs-diff.tar.zst rootfs_changes --width 80";
    table_log: "table fixtures/webapp-compromise/webapp-compromise.tar.zst log_lines --width 80";

    extract_nowhere: "extract {TICK}";
    extract_unknown: "extract {TICK} --what rotfs -o never-made";

    table_unknown: "table {TICK} process_open_fles";
    table_unknown_column: "table {TICK} processes --columns pid,cmd";
    table_none: "table {TICK}";

    decode_info: "decode {TICK} --info *.img --width 100";
    decode_json: "decode {TICK} pstree.img tmpfs-dev-60.tar.gz.img";
    decode_ndjson: "decode {TICK}:checkpoint/fdinfo-2.img --format ndjson";
    decode_crit: "decode {TICK} tcp-stream-661c9.img mm-1.img --format crit-json";
    decode_which: "decode {TICK}";
    decode_no_such_image: "decode {TICK} core-4711.img";

    not_there: "inspect fixtures/nowhere.tar";
    not_a_checkpoint: "inspect fixtures/malformed/elf";
    without_images: "inspect fixtures/malformed/empty-checkpoint.tar.gz";
    truncated: "inspect fixtures/malformed/cut-gzip-half.tar.gz --width 100";
    without_tree: "inspect fixtures/malformed/no-pstree.tar.gz --width 100";
}
