#include "server/approval.h"

namespace entitle {

AdminsWord adminsWord(const ExchangeFacts& facts, const OwnerLimits& limits, Instant now) {
    const auto& approval = facts.approval;
    if (!approval) return AdminsWord::none;
    switch (approval->state) {
        case ApprovalState::approved:
            return AdminsWord::yes;
        case ApprovalState::waiting:
            return AdminsWord::asked;
        case ApprovalState::denied:
            return approval->decidedAt && now < *approval->decidedAt + limits.approvalRefused ? AdminsWord::no
                                                                                              : AdminsWord::none;
        default:
            return AdminsWord::none;
    }
}

Exchange questionToAdmin(AdminsWord word, std::string_view reason, const std::string& label, std::string_view attempt) {
    Exchange write;
    write.askApproval = reason;
    write.approvalLabel = label;
    if (word != AdminsWord::asked) write.attempt = attempt;
    return write;
}

}  // namespace entitle
