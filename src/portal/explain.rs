//! Our reading of what a backend said, shown beside its own words and never instead of them.

use crate::domain::ProvisioningError;

/// What an error means and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Explanation {
    /// What it means, in plain words.
    pub(super) meaning: &'static str,
    /// What to do about it.
    pub(super) fix: &'static str,
}

impl Explanation {
    /// Meaning and fix as one text.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.meaning, self.fix)
    }
}

const fn reading(meaning: &'static str, fix: &'static str) -> Explanation {
    Explanation { meaning, fix }
}

/// Our reading of an error; a code that is not known gets a sentence that claims nothing.
pub(super) fn explain(error: &ProvisioningError) -> Explanation {
    match error.code.as_str() {
        "InvalidRequest" => invalid_request(&error.message.to_lowercase()),
        "ConsentNotActive" => reading(
            "The enterprise has suspended or removed its consent, so the backend takes no numbers for it.",
            "Ask the enterprise to consent again in its Teams admin centre, then retry.",
        ),
        "ConsentNotFound" => reading(
            "The backend knows no consent of this tenant.",
            "Pull the consents now; if it stays away, ask the enterprise to consent in its Teams admin centre.",
        ),
        "NoService" => reading(
            "The account no longer takes the service of this number, or no longer syncs it.",
            "Enable the service on the account again, or release the number.",
        ),
        "NumberInUse" => reading(
            "Another tenant holds this number at the backend.",
            "Release it there first, or check whether the number is meant for this enterprise, then retry.",
        ),
        "NumberHeldByAnotherTenant" => reading(
            "The backend has this number for another tenant, so nothing was sent.",
            "Release it there first, or check whether the number is meant for this enterprise, then retry.",
        ),
        "NotAtBackend" => reading(
            "The number was synced, and the backend does not have it any more: the enterprise or somebody else has given it up.",
            "Upload it again to give it back to the enterprise, or release it here.",
        ),
        "InvalidTelephoneNumber" => reading(
            "The backend does not take this number as one that can exist in its country.",
            "Check its digits. If it is right, ask the people who run the backend to allow its range, then retry.",
        ),
        "ReleaseNotAllowed" => reading(
            "The backend keeps this number for now, for the reason it gives.",
            "Wait until that is over, then retry.",
        ),
        "NumberBusy" => {
            reading("Another request is still working on this number at the backend.", "Wait a minute, then retry.")
        }
        "NumberBeingRemoved" => reading(
            "The backend is taking this number away already, for whoever has it there.",
            "Wait until that is done, then retry.",
        ),
        "JobExpired" => reading(
            "The backend never ended the request, so what became of this number is not known.",
            "Retry: the portal asks what is there before it sends anything again.",
        ),
        "WaitingAtSource" => reading(
            "Where this number was imported from, it was still waiting for the backend, so nobody here knows whether the backend \
             has it.",
            "Compare its account with the backend, then retry.",
        ),
        "RequestIdConflict" => {
            reading("The backend has seen this request with other contents.", "Retry: that sends it as a new request.")
        }
        "JobNotFound" => reading("The backend no longer knows the request, so it was not carried out.", "Retry."),
        "NoResult" => reading(
            "The backend finished the request without saying what became of this number.",
            "Retry: the portal asks what is there before it sends anything again.",
        ),
        "unable_to_retrieve_location" | "unable_to_retrieve_default_location" | "LocationNotFound" => reading(
            "The backend cannot find the emergency location of this number.",
            "Pull the civic addresses of the enterprise, choose one that is there, then retry.",
        ),
        "unknown_country_code" | "unable_to_match_geography_entry" => reading(
            "The backend cannot place this number in a country it serves.",
            "Check the country code of the number and the country in its settings.",
        ),
        code => by_status(code.strip_prefix("HTTP_").and_then(|status| status.parse().ok())),
    }
}

/// The backend gives one code for everything that is wrong with a number's settings; its words tell what.
fn invalid_request(message: &str) -> Explanation {
    if message.contains("displayedcountrycode") {
        reading(
            "A North American toll-free number must say which country it is shown for.",
            "Set the country on the number, such as US; it is then sent again.",
        )
    } else if message.contains("civicaddress") || message.contains("civic address") || message.contains("location") {
        reading(
            "The emergency address or location does not fit: it is missing, not the tenant's, or the location is in another address.",
            "Choose a civic address of the enterprise, or allow the enterprise to set it, then the number is sent again.",
        )
    } else if message.contains("toll") {
        reading(
            "Toll-free numbers have rules of their own: they need a country and cannot be for calling users.",
            "Set the country and another usage.",
        )
    } else if message.contains("capabilit") {
        reading(
            "The usage does not offer one of the capabilities.",
            "Choose capabilities that the tenant's plan offers for this usage.",
        )
    } else if message.contains("usage") {
        reading(
            "The number has no usage, or one that the tenant's capability plans do not have.",
            "Set a usage on the number; it is then sent again.",
        )
    } else {
        reading("The backend does not accept these settings.", "Compare them with its words, correct them, then retry.")
    }
}

fn by_status(status: Option<u16>) -> Explanation {
    match status {
        Some(401 | 403) => reading(
            "The backend does not let the portal in.",
            "Whoever runs the portal should check its credentials for the backend, then retry.",
        ),
        Some(404) => reading(
            "The backend does not know what this is about.",
            "Pull its data now to see whether the tenant is still there, then retry.",
        ),
        Some(409) => reading("The backend says that this is at odds with what it holds.", "Retry in a minute."),
        Some(413) => reading("The request was too large for the backend.", "Tell the people who run the portal."),
        Some(400..=499) => reading(
            "The backend refused the request without giving an error of its own.",
            "Retry; if it stays, the people who run the backend can tell why.",
        ),
        Some(500..=599) => reading("Something went wrong at the backend.", "Retry in a few minutes."),
        _ => reading(
            "This is what the backend said. We have no explanation of this code.",
            "Correct what its words name and retry; if that does not help, quote them to the people who run the backend.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(code: &str, message: &str) -> &'static str {
        explain(&ProvisioningError::new(code, message, None)).meaning
    }

    #[test]
    fn the_words_tell_what_an_invalid_request_is_about() {
        assert!(
            meaning("InvalidRequest", "Invalid/missing required configuration attributes: Usage").contains("usage")
        );
        let address = "Invalid/missing required configuration attributes: CivicAddressId";
        assert!(meaning("InvalidRequest", address).contains("address"));
    }

    #[test]
    fn a_status_without_a_code_and_an_unknown_code_are_read_too() {
        assert!(meaning("HTTP_418", "").contains("refused"));
        assert!(meaning("HTTP_403", "").contains("let the portal in"));
        assert!(meaning("SomethingNew", "").contains("no explanation"));
    }
}
