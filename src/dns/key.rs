//! A key shared with another server (TSIG, RFC 8945).

use std::str::FromStr as _;

use hickory_proto::dnssec::DnsSecError;
use hickory_proto::rr::rdata::tsig::{TSIG, TsigAlgorithm, TsigError, make_tsig_record};
use hickory_proto::rr::{Name, Record, TSigResponseContext, TSigner};
use hickory_proto::serialize::binary::{BinEncodable as _, BinEncoder};

/// How far two clocks may be apart, in seconds.
const FUDGE: u16 = 300;

/// What signs with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `hmac-sha256`
    Sha256,
    /// `hmac-sha384`
    Sha384,
    /// `hmac-sha512`
    Sha512,
}

/// A shared key.
#[derive(Clone)]
pub struct Key(TSigner);

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Key").field(self.0.signer_name()).finish()
    }
}

/// What became of a signature.
pub(super) enum Proof {
    /// It is right. The signature itself is what that of the answer depends on.
    Right(Vec<u8>),
    /// It is not right, and who asked is told so.
    Wrong(Box<TSigResponseContext>),
}

impl Key {
    /// Makes a key from its name and secret.
    ///
    /// # Errors
    /// When the name is no name.
    pub fn new(name: &str, algorithm: Algorithm, secret: Vec<u8>) -> Result<Self, String> {
        let name = Name::from_str(name).map_err(|error| format!("the name of the key cannot be used: {error}"))?;
        let algorithm = match algorithm {
            Algorithm::Sha256 => TsigAlgorithm::HmacSha256,
            Algorithm::Sha384 => TsigAlgorithm::HmacSha384,
            Algorithm::Sha512 => TsigAlgorithm::HmacSha512,
        };
        let signer = TSigner::new(secret, algorithm, name.to_lowercase(), FUDGE);
        signer.map(Self).map_err(|error| format!("the key cannot be used: {error}"))
    }

    pub(super) fn signer(&self) -> &TSigner {
        &self.0
    }

    /// Looks at the signature of a request.
    pub(super) fn prove(&self, packet: &[u8], id: u16, now: u64) -> Proof {
        match self.0.verify_message_byte(packet, None, true) {
            Ok((mac, _, times)) if times.contains(&now) || times.end == now => Proof::Right(mac),
            Ok((mac, ..)) => {
                let context = TSigResponseContext::new(id, now, self.0.clone(), mac, Some(TsigError::BadTime));
                Proof::Wrong(Box::new(context))
            }
            Err(DnsSecError::TsigWrongKey) => {
                let name = self.0.signer_name().clone();
                Proof::Wrong(Box::new(TSigResponseContext::unknown_key(id, now, name)))
            }
            Err(_) => Proof::Wrong(Box::new(TSigResponseContext::bad_signature(id, now, self.0.clone()))),
        }
    }

    /// Signs the first answer to a request with this signature, and gives the answer's own.
    pub(super) fn sign_first(&self, message: &mut Vec<u8>, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let id = message_id(message)?;
        let context = TSigResponseContext::new(id, now, self.0.clone(), request.to_vec(), None);
        let record = context.sign(message).ok()?;
        let mac = record.data.mac.clone();
        append(message, &record)?;
        Some(mac)
    }

    /// Signs an answer that follows one with this signature, and gives its own.
    pub(super) fn sign_next(&self, message: &mut Vec<u8>, before: &[u8], now: u64) -> Option<Vec<u8>> {
        let mut signed = u16::try_from(before.len()).ok()?.to_be_bytes().to_vec();
        signed.extend_from_slice(before);
        signed.extend_from_slice(message);
        // Of the variables only the time (RFC 8945, section 5.3.1).
        signed.extend_from_slice(now.to_be_bytes().get(2..)?);
        signed.extend_from_slice(&FUDGE.to_be_bytes());
        let mac = self.0.sign(&signed).ok()?;
        let algorithm = self.0.algorithm().clone();
        let tsig = TSIG::new(algorithm, now, FUDGE, mac.clone(), message_id(message)?, None, Vec::new());
        append(message, &make_tsig_record(self.0.signer_name().clone(), tsig))?;
        Some(mac)
    }
}

fn message_id(message: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes(message.get(..2)?.try_into().ok()?))
}

/// Puts a signature behind a message.
pub(super) fn append(message: &mut Vec<u8>, record: &Record<TSIG>) -> Option<()> {
    let mut bytes = Vec::new();
    record.emit(&mut BinEncoder::new(&mut bytes)).ok()?;
    message.extend_from_slice(&bytes);
    let count = u16::from_be_bytes(message.get(10..12)?.try_into().ok()?).checked_add(1)?;
    message.get_mut(10..12)?.copy_from_slice(&count.to_be_bytes());
    Some(())
}
