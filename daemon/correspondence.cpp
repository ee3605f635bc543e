#include "daemon/correspondence.h"

#include <utility>

namespace entitle {

void Correspondence::connect(Authority* authority) {
    underWay_.clear();
    authority_ = authority;
}

void Correspondence::send(const Attempt& attempt, Question question, const ClockSent& sent) {
    if (!authority_ || underWay(attempt.rid)) return;
    const auto entry = underWay_.try_emplace(attempt.rid).first;
    try {
        entry->second = authority_->ask(std::move(question), [this, attempt, sent](Authority::Result result) {
            // Ours before anything else happens: what is heard may ask the next question, or withdraw all.
            const auto heard = heard_;
            Heard news{attempt, sent, std::move(result)};
            underWay_.erase(attempt.rid);
            heard(std::move(news));
        });
    } catch (...) {
        underWay_.erase(entry);
        throw;
    }
}

void Correspondence::withdraw(std::string_view rid) {
    if (const auto found = underWay_.find(rid); found != underWay_.end()) underWay_.erase(found);
}

void Correspondence::withdrawIf(const std::function<bool(std::string_view rid)>& unwanted) {
    std::erase_if(underWay_, [&](const auto& entry) { return unwanted(entry.first); });
}

}  // namespace entitle
