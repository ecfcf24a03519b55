// The few words and dates that Plotly itself shows, in Japanese.

export const JAPANESE = {
  moduleType: "locale",
  name: "ja",
  dictionary: {
    "Autoscale": "自動スケール",
    "Box Select": "矩形選択",
    "Double-click to zoom back out": "ダブルクリックで元の表示に戻ります",
    "Download plot as a PNG": "PNG で保存",
    "Lasso Select": "投げ縄選択",
    "Pan": "移動",
    "Reset axes": "軸を元に戻す",
    "Zoom": "拡大",
    "Zoom in": "拡大",
    "Zoom out": "縮小",
  },
  format: {
    days: ["日曜日", "月曜日", "火曜日", "水曜日", "木曜日", "金曜日", "土曜日"],
    shortDays: ["日", "月", "火", "水", "木", "金", "土"],
    months: Array.from({ length: 12 }, (_, month) => `${month + 1}月`),
    shortMonths: Array.from({ length: 12 }, (_, month) => `${month + 1}月`),
    date: "%Y/%m/%d",
  },
};
