// What Plotly may show and do, on the page and in saved files. A figure is never sent anywhere.

export const CONFIG = { showSendToCloud: false, displaylogo: false, displayModeBar: false, responsive: true };
