// Prepared statements on one connection: prepared once, kept, and run again with other values.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include <soci/soci.h>

#include "license/time.h"

namespace entitle {

// One value of a statement. Its kind, number or text, is the C++ type's, null or not: a prepared statement keeps it.
class SqlValue {
  public:
    SqlValue(long long number) : number_(number) {}
    SqlValue(int number) : number_(number) {}
    SqlValue(long number) : number_(number) {}
    SqlValue(unsigned long number) : number_(static_cast<long long>(number)) {}
    SqlValue(bool yes) : number_(yes ? 1 : 0) {}
    SqlValue(Instant at) : number_(at.time_since_epoch().count()) {}
    SqlValue(Seconds span) : number_(span.count()) {}
    SqlValue(std::string text);  // DatabaseFault unless it is UTF-8 without NUL
    SqlValue(const char* text) : SqlValue(std::string(text)) {}
    template <class T>
    SqlValue(const std::optional<T>& value) : SqlValue(value ? SqlValue(*value) : SqlValue(T{})) {
        if (!value) null_ = soci::i_null;
    }

  private:
    friend class PreparedStatement;
    bool isText_ = false;
    long long number_ = 0;
    std::string text_;
    soci::indicator null_ = soci::i_ok;
};

class PreparedStatement {
  public:
    PreparedStatement(soci::session& sql, std::string text) : statement(sql), text_(std::move(text)) {}
    PreparedStatement(const PreparedStatement&) = delete;
    PreparedStatement& operator=(const PreparedStatement&) = delete;
    virtual ~PreparedStatement() = default;

    // Every time as many values, and of the same kinds.
    void query(std::vector<SqlValue> values);     // to be fetched
    long long run(std::vector<SqlValue> values);  // fetches nothing; how many rows it changed

    soci::statement statement;

  private:
    void take(std::vector<SqlValue> values);
    const std::string text_;
    std::vector<SqlValue> values_;  // bound where they lie
    bool prepared_ = false;
};

// What a SELECT fetches: each of `Columns` as in server/store_rows.h.
template <class... Columns>
class PreparedQuery final : public PreparedStatement {
  public:
    PreparedQuery(soci::session& sql, std::string text) : PreparedStatement(sql, std::move(text)) {
        std::apply([this](auto&... each) { (each.bind(this->statement), ...); }, columns);
    }
    std::tuple<Columns...> columns;
};

// A plain number, or several: of COUNT, MAX, RETURNING …
template <std::size_t n>
class NumberColumns {
  public:
    void bind(soci::statement& to) {
        for (std::size_t i = 0; i < n; ++i) to.exchange(soci::into(numbers_[i], nulls_[i]));
    }
    std::array<long long, n> row() const {
        auto out = numbers_;
        for (std::size_t i = 0; i < n; ++i)
            if (nulls_[i] != soci::i_ok) out[i] = 0;
        return out;
    }

  private:
    std::array<long long, n> numbers_{};
    std::array<soci::indicator, n> nulls_{};
};

// "a, b, c", or "prefix.a, prefix.b, prefix.c".
template <class Columns>
std::string columnList(const std::string& prefix = "") {
    std::string out;
    for (const char* name : Columns::names) out += (out.empty() ? "" : ", ") + prefix + name;
    return out;
}

class Sql {
  public:
    soci::session& session() { return session_; }

    // A statement that fetches nothing; how many rows it changed.
    template <class... Values>
    long long run(const std::string& text, const Values&... values) {
        return find<>(text).run({SqlValue(values)...});
    }

    // Every row of "SELECT <columns> <rest>".
    template <class Columns, class... Values>
    auto rows(const std::string& rest, const Values&... values) {
        static const std::string select = "SELECT " + columnList<Columns>() + " ";
        return fetch<Columns>(select + rest, values...);
    }
    template <class Columns, class... Values>
    auto row(const std::string& rest, const Values&... values) {
        return first(rows<Columns>(rest, values...));
    }

    // Every row of a statement that fetches exactly these columns.
    template <class Columns, class... Values>
    auto fetch(const std::string& text, const Values&... values) {
        return fetchAll<decltype(std::declval<Columns>().row()), Columns>(text, values...);
    }
    // The same of joined tables: each row as a pair or a tuple.
    template <class First, class Second, class... Values>
    auto fetchPairs(const std::string& text, const Values&... values) {
        using Row = std::pair<decltype(std::declval<First>().row()), decltype(std::declval<Second>().row())>;
        return fetchAll<Row, First, Second>(text, values...);
    }
    template <class First, class Second, class Third, class... Values>
    auto fetchTriples(const std::string& text, const Values&... values) {
        using Row = std::tuple<decltype(std::declval<First>().row()), decltype(std::declval<Second>().row()),
                               decltype(std::declval<Third>().row())>;
        return fetchAll<Row, First, Second, Third>(text, values...);
    }
    // The first row's numbers; zeros when there is none.
    template <std::size_t n, class... Values>
    std::array<long long, n> numbers(const std::string& text, const Values&... values) {
        return first(fetch<NumberColumns<n>>(text, values...)).value_or(std::array<long long, n>{});
    }
    template <class... Values>
    long long number(const std::string& text, const Values&... values) {
        return numbers<1>(text, values...)[0];
    }

    // After an error, and before the connection is closed: prepared statements may be half-run.
    void forget() { prepared_.clear(); }

    template <class Row>
    static std::optional<Row> first(std::vector<Row> rows) {
        if (rows.empty()) return std::nullopt;
        return std::move(rows.front());
    }

  private:
    template <class Row, class... Columns, class... Values>
    std::vector<Row> fetchAll(const std::string& text, const Values&... values) {
        auto& prepared = find<Columns...>(text);
        std::vector<Row> out;
        prepared.query({SqlValue(values)...});
        // To the end: a half-read statement would keep SQLite from committing.
        while (prepared.statement.fetch())
            std::apply([&](const auto&... each) { out.emplace_back(each.row()...); }, prepared.columns);
        return out;
    }

    template <class... Columns>
    PreparedQuery<Columns...>& find(const std::string& text) {
        auto& place = prepared_[text];
        if (!place) place = std::make_unique<PreparedQuery<Columns...>>(session_, text);
        return static_cast<PreparedQuery<Columns...>&>(*place);  // one text is only ever asked for by one caller's form
    }

    soci::session session_;
    std::unordered_map<std::string, std::unique_ptr<PreparedStatement>> prepared_;
};

}  // namespace entitle
