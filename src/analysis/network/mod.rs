//! Rules about sockets and traffic (`NET`): a file each, listed here.

pub(super) mod actor;
mod bpf_map_open;
mod cloud_metadata_access;
mod container_runtime_socket_open;
mod data_in_queue;
mod declared_ports;
mod dns_tunnel_shape;
mod doh_or_resolver_override;
mod fixed_relay;
mod inbound_session_on_odd_service;
mod iptables_redirect;
mod kubernetes_api_use;
mod metadata_request_in_memory;
mod miner_or_tor_port;
mod outbound_public;
mod promiscuous_or_fanout;
mod proxy_environment;
mod raw_or_packet_socket;
mod tracked_connection_without_socket;
mod tunnel_device;
mod unexpected_listener;
mod unix_socket_odd;

use super::Rule;

/// The rules, by id.
pub(super) const RULES: &[&Rule] = &[
    &unexpected_listener::RULE,
    &outbound_public::RULE,
    &inbound_session_on_odd_service::RULE,
    &cloud_metadata_access::RULE,
    &miner_or_tor_port::RULE,
    &raw_or_packet_socket::RULE,
    &promiscuous_or_fanout::RULE,
    &tunnel_device::RULE,
    &container_runtime_socket_open::RULE,
    &kubernetes_api_use::RULE,
    &dns_tunnel_shape::RULE,
    &doh_or_resolver_override::RULE,
    &iptables_redirect::RULE,
    &proxy_environment::RULE,
    &unix_socket_odd::RULE,
    &data_in_queue::RULE,
    &tracked_connection_without_socket::RULE,
    &bpf_map_open::RULE,
    &metadata_request_in_memory::RULE,
];
