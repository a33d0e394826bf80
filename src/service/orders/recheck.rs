//! Whether what a draft gives to numbers may still be given: accounts, the addresses and capability plans of their enterprises
//! and the calling profiles may have changed since it was read.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::field::counted;
use crate::domain::rules::{self, Flaw, TenantFacts};
use crate::domain::{FormOf, NumberSettings, Order, OrderKind, Refusal, Verdict};
use crate::service::staging::{AccountFacts, profile_flaw};
use crate::service::{Result, Rules};
use crate::store::{FlawedSettings, GivenOver, GivenSettings, Tx};

/// Settings that are looked at together.
const CHUNK: usize = 2_000;
/// Sentences of a review about what may not be given.
const TOLD: usize = 20;

/// What stands against settings on an account, by both.
type Flaws = BTreeMap<(i64, i64), Vec<Flaw>>;

/// What stands against a draft.
#[derive(Default)]
pub(super) struct Rechecked {
    /// What may not be given.
    pub(super) flawed: Vec<FlawedSettings>,
    /// Whether the verdicts say otherwise.
    pub(super) has_moved: bool,
    /// What stands against it, in a few sentences.
    pub(super) told: Vec<String>,
}

/// Whether this stands for numbers that would be written, or are not because of what they would get.
const fn is_given(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::New | Verdict::Changed) || is_refused(verdict)
}

const fn is_refused(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Refused(Refusal::NoAddress | Refusal::NotOffered))
}

fn is_of_address(flaw: &Flaw) -> bool {
    matches!(flaw.field, "civic_address" | "location")
}

/// Whether a draft gives anything to numbers that has to be held against what is allowed. What drift is settled with is what the
/// backend or the account has, and stays so.
pub(super) fn is_rechecked(order: &Order) -> bool {
    order.kind == OrderKind::Upload && order.way.is_none()
}

/// Holds what a draft gives to numbers against what their accounts allow by now. What is wrong with a number already is not held
/// against it.
pub(super) async fn recheck(tx: &mut Tx, rules: &Rules, order: &Order, given: &[GivenSettings]) -> Result<Rechecked> {
    if !is_rechecked(order) {
        return Ok(Rechecked::default());
    }
    let checks = Checks { rules, undoes: order.form_of == FormOf::Undo };
    let pairs: BTreeSet<(i64, i64)> = given
        .iter()
        .filter(|given| is_given(given.verdict))
        .map(|given| (given.account_id, given.settings_id))
        .collect();
    let suspects = checks.flaws_of(tx, &pairs).await?;
    let was_refused = given.iter().any(|given| is_refused(given.verdict));
    if suspects.is_empty() {
        return Ok(Rechecked { has_moved: was_refused, ..Rechecked::default() });
    }
    let names: Vec<(i64, i64)> = suspects.keys().copied().collect();
    let over = tx.given_over(order.id, &names).await?;
    let bases: BTreeSet<(i64, i64)> =
        over.iter().filter(|over| over.base_id != 0).map(|over| (over.account_id, over.base_id)).collect();
    let known = checks.flaws_of(tx, &bases).await?;
    let mut found = Rechecked {
        has_moved: given
            .iter()
            .any(|given| is_refused(given.verdict) && !suspects.contains_key(&(given.account_id, given.settings_id))),
        ..Rechecked::default()
    };
    let mut told: BTreeMap<(i64, String), i64> = BTreeMap::new();
    for of in &over {
        let before = known.get(&(of.account_id, of.base_id)).map(Vec::as_slice).unwrap_or_default();
        let flaws = suspects.get(&(of.account_id, of.settings_id)).into_iter().flatten();
        let flaws: Vec<&Flaw> = flaws.filter(|flaw| !before.contains(flaw)).collect();
        found.take(of, &flaws, &mut told);
    }
    found.told = sentences(tx, told).await?;
    Ok(found)
}

impl Rechecked {
    fn take(&mut self, of: &GivenOver, flaws: &[&Flaw], told: &mut BTreeMap<(i64, String), i64>) {
        if flaws.is_empty() {
            self.has_moved |= is_refused(of.verdict);
            return;
        }
        for flaw in flaws {
            let sentence = format!("{}: {}", flaw.value, flaw.reason);
            *told.entry((of.account_id, sentence)).or_default() += of.count;
        }
        let of_address = flaws.iter().any(|flaw| is_of_address(flaw));
        let refusal = if of_address { Refusal::NoAddress } else { Refusal::NotOffered };
        self.has_moved |= of.verdict != Verdict::Refused(refusal);
        let GivenOver { account_id, settings_id, base_id, .. } = *of;
        let flawed = FlawedSettings { account_id, settings_id, base_id, of_address };
        // The same may stand there for several verdicts.
        if self.flawed.last() != Some(&flawed) {
            self.flawed.push(flawed);
        }
    }
}

/// What stands against how many numbers of which account.
async fn sentences(tx: &mut Tx, told: BTreeMap<(i64, String), i64>) -> Result<Vec<String>> {
    let mut told: Vec<((i64, String), i64)> = told.into_iter().collect();
    told.sort_by_key(|(_, count)| -count);
    let more = told.len().saturating_sub(TOLD);
    let mut known: Option<(i64, String)> = None;
    let mut sentences = Vec::new();
    for ((account_id, sentence), count) in told.into_iter().take(TOLD) {
        let name = match known.take() {
            Some((id, name)) if id == account_id => name,
            _ => tx.account_by_id(account_id).await?.map(|account| account.name).unwrap_or_default(),
        };
        let numbers = counted(count, "number", "numbers");
        sentences.push(format!("{numbers} for account {name} cannot get {sentence}"));
        known = Some((account_id, name));
    }
    if more > 0 {
        let more = counted(more as i64, "more setting", "more settings");
        sentences.push(format!("{more} cannot be given; the report names the numbers."));
    }
    Ok(sentences)
}

fn names_a_place(settings: &NumberSettings) -> bool {
    settings.teams.civic_address_id.is_some() || settings.teams.location_id.is_some()
}

/// Looks up the addresses of an account's tenant.
async fn know_places(tx: &mut Tx, of: &mut AccountFacts) -> Result<()> {
    if let Some(tenant) = &of.account.tenant_id {
        let plans = of.facts.plans.take();
        of.facts = TenantFacts::new(&tx.civic_addresses(tenant).await?, plans);
    }
    Ok(())
}

/// What settings are held against.
struct Checks<'a> {
    rules: &'a Rules,
    /// Whether numbers become what they were: then only what is somebody else's, or is there no more, stands against it.
    undoes: bool,
}

impl Checks<'_> {
    /// What stands against settings on accounts; those against which nothing stands are left out. The pairs come by account.
    async fn flaws_of(&self, tx: &mut Tx, pairs: &BTreeSet<(i64, i64)>) -> Result<Flaws> {
        let mut by_account: BTreeMap<i64, Vec<i64>> = BTreeMap::new();
        for (account, settings) in pairs {
            by_account.entry(*account).or_default().push(*settings);
        }
        let mut found = Flaws::new();
        for (account_id, settings) in by_account {
            // What is gone is refused as such.
            let Some(account) = tx.account_by_id(account_id).await? else { continue };
            let plans = match &account.tenant_id {
                Some(tenant) => tx.capability_plans(tenant).await?,
                None => None,
            };
            let mut of = AccountFacts { account, facts: TenantFacts { plans, ..TenantFacts::default() } };
            let mut knows_places = of.account.tenant_id.is_none();
            for chunk in settings.chunks(CHUNK) {
                let chunk = tx.all_settings(chunk).await?;
                // An enterprise may have thousands of addresses, and most uploads name none.
                if !knows_places && chunk.values().any(names_a_place) {
                    know_places(tx, &mut of).await?;
                    knows_places = true;
                }
                for (id, settings) in chunk {
                    let flaws = self.flaws(&settings, &of);
                    if !flaws.is_empty() {
                        found.insert((account_id, id), flaws);
                    }
                }
            }
        }
        Ok(found)
    }

    /// What stands against settings because of what others may have changed.
    fn flaws(&self, settings: &NumberSettings, of: &AccountFacts) -> Vec<Flaw> {
        let mut flaws = rules::check(settings, &of.account, &of.facts);
        flaws.retain(|flaw| {
            let is_offered = matches!(flaw.field, "usage" | "additional_usage" | "capability") && !self.undoes;
            let is_known = is_of_address(flaw) && !(self.undoes && of.account.tenant_id.is_none());
            !flaw.value.is_empty() && (is_offered || is_known)
        });
        flaws.extend(profile_flaw(&self.rules.policy, settings.calling_profile.as_deref()));
        flaws
    }
}
