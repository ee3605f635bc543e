#include "server/sql.h"

#include <stdexcept>

#include "server/database_fault.h"

namespace entitle {
namespace {

// How many bytes the UTF-8 character at the beginning of `text` takes; 0 if it is none. Source: RFC 3629, section 4.
std::size_t characterAt(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return lead == 0 ? 0 : 1;
    if (lead < 0xc2 || lead > 0xf4) return 0;
    if (lead < 0xe0) return follows(1) ? 2 : 0;
    if (lead < 0xf0) {
        if ((lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xed && byte(1) > 0x9f)) return 0;
        return follows(1) && follows(2) ? 3 : 0;
    }
    if ((lead == 0xf0 && byte(1) < 0x90) || (lead == 0xf4 && byte(1) > 0x8f)) return 0;
    return follows(1) && follows(2) && follows(3) ? 4 : 0;
}

}  // namespace

SqlValue::SqlValue(std::string text) : isText_(true), text_(std::move(text)) {
    // PostgreSQL refuses both, SQLite would keep them: the same for both.
    for (std::string_view rest = text_; !rest.empty();) {
        const auto length = characterAt(rest);
        if (length == 0) throw DatabaseFault("a text to be stored is not UTF-8, or holds a NUL byte");
        rest.remove_prefix(length);
    }
}

void PreparedStatement::query(std::vector<SqlValue> values) {
    take(std::move(values));
    statement.execute();
}

long long PreparedStatement::run(std::vector<SqlValue> values) {
    take(std::move(values));
    statement.execute(true);
    return statement.get_affected_rows();
}

void PreparedStatement::take(std::vector<SqlValue> values) {
    if (!prepared_) {
        values_ = std::move(values);
        for (auto& value : values_) {
            if (value.isText_) {
                statement.exchange(soci::use(value.text_, value.null_));
            } else {
                statement.exchange(soci::use(value.number_, value.null_));
            }
        }
        statement.alloc();
        statement.prepare(text_);
        statement.define_and_bind();
        prepared_ = true;
    } else {
        if (values.size() != values_.size()) throw std::logic_error("another number of values for: " + text_);
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (values_[i].isText_ != values[i].isText_) throw std::logic_error("another kind of value for: " + text_);
            values_[i].number_ = values[i].number_;
            values_[i].text_ = std::move(values[i].text_);
            values_[i].null_ = values[i].null_;
        }
    }
}

}  // namespace entitle
