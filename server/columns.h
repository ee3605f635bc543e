// A table for people: columns as wide as their widest cell.
#pragma once

#include <string>
#include <vector>

namespace entitle {

class Columns {
  public:
    explicit Columns(std::vector<std::string> heads) : rows_{std::move(heads)} {}
    // Cells may come from anywhere: what is not printable is left out, and long ones are cut.
    void add(const std::vector<std::string>& cells);
    bool empty() const { return rows_.size() == 1; }
    std::string text() const;

  private:
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace entitle
