//! All detectors, in the order of precedence: the first one that accepts some bytes owns them. Those with logic of their
//! own have a file each; the others are a table.

mod aes;
mod age;
mod assigned;
mod aws;
mod azure;
mod der;
mod discord;
mod docker;
mod gitlab;
mod google;
mod hash;
mod http;
mod jwt;
mod known;
mod kubernetes;
mod kubernetes_secret;
mod kubernetes_yaml;
mod openssh;
mod pem;
mod putty;
mod pypi;
mod tls;
mod tokens;
mod twilio;
mod url;
mod vendor;

#[cfg(test)]
pub(super) use self::aes::substitution;
pub(super) use self::aes::{may_be_within as may_be_schedule, schedules};
pub(super) use self::assigned::setting;
pub(super) use self::placeholder::is_example;
use super::detector::Detector;

mod placeholder;

/// All detectors.
pub(in crate::analysis) const ALL: &[&Detector] = &[
    &aws::ACCESS_KEY_ID,
    &aws::SECRET_ACCESS_KEY,
    &aws::SESSION_TOKEN,
    &vendor::GITHUB,
    &tokens::GITHUB_FINE_GRAINED,
    &gitlab::TOKEN,
    &tokens::SLACK,
    &tokens::SLACK_WEBHOOK,
    &tokens::GOOGLE_API_KEY,
    &tokens::GOOGLE_OAUTH_SECRET,
    &tokens::GOOGLE_OAUTH_TOKEN,
    &google::SERVICE_ACCOUNT,
    &azure::STORAGE_KEY,
    &azure::CLIENT_SECRET,
    &azure::SAS,
    &jwt::SERVICE_ACCOUNT,
    &jwt::JWT,
    &pem::PRIVATE_KEY,
    &putty::PRIVATE_KEY,
    &age::SECRET_KEY,
    &vendor::STRIPE,
    &vendor::NPM,
    &pypi::TOKEN,
    &tokens::DOCKER_HUB,
    &docker::CONFIG_AUTH,
    &tokens::DIGITALOCEAN,
    &tokens::VAULT,
    &vendor::TERRAFORM,
    &tokens::SENDGRID,
    &twilio::KEY,
    &tokens::MAILGUN,
    &vendor::MAILCHIMP,
    &vendor::TELEGRAM,
    &discord::WEBHOOK,
    &discord::BOT_TOKEN,
    &tokens::SHOPIFY,
    &vendor::OPENAI,
    &vendor::ANTHROPIC,
    &tokens::HUGGINGFACE,
    &tokens::DATABRICKS,
    &tokens::GRAFANA,
    &tokens::ATLASSIAN,
    &tokens::NEWRELIC,
    &tokens::POSTMAN,
    &kubernetes::KUBEADM_TOKEN,
    &kubernetes::CLIENT_KEY,
    &url::PASSWORD,
    &http::BASIC,
    &http::BEARER,
    &hash::PASSWORD_HASH,
    &tokens::TOTP,
    &tls::SESSION_KEY,
    &der::PRIVATE_KEY,
    &openssh::PRIVATE_KEY,
    &kubernetes_secret::SECRET,
    &aes::KEY_SCHEDULE,
    &assigned::SECRET,
];

/// The place of a detector in [`ALL`].
pub(in crate::analysis) fn find(id: &str) -> Option<usize> {
    ALL.iter().position(|detector| detector.id == id)
}
